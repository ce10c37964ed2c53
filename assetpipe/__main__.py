"""`python -m assetpipe` is `assetpipe`."""

from assetpipe.cli import main

main()
