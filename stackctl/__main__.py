"""`python -m stackctl`."""

from stackctl.cli import main

main()
