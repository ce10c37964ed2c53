"""`assetpipe`, but that posters are 64 pixels wide: most of what a tiny asset's build takes is its poster. It calls
itself with a number, as the template of builds."""

from __future__ import annotations

import sys

from assetpipe.batch import forked, template
from assetpipe.cli import main

if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        import assetpipe.poster

        assetpipe.poster.POSTER_PX = 64
        template.main()
    forked.TEMPLATE = (sys.executable, __file__)
    main()
