"""`assetpipe`, but that children are `tests.batch.quick_child`: everything else is the real thing."""

from __future__ import annotations

import sys
from pathlib import Path

from assetpipe.batch import isolated
from assetpipe.cli import main

isolated.CHILD = (sys.executable, str(Path(__file__).with_name("quick_child.py")))

if __name__ == "__main__":
    main()
