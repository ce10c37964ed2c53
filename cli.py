"""`python cli.py …` from a checkout is `assetpipe …`."""

from assetpipe.__main__ import main

main()
