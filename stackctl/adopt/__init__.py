"""An existing Compose project -> spokes that run the same, without touching what runs or its files."""
