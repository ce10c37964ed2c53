"""`python cli.py …` from a checkout is `assetpipe …`."""

from assetpipe.cli import main

main()
