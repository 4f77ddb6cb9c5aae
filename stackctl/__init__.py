"""Run self-hosted Docker services from their pages, and prove that the pages are true."""

__version__ = "0.1.0"
