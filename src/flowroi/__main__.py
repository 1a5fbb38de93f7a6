"""`python -m flowroi`."""

from flowroi.cli import main

main()
