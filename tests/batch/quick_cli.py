"""`assetpipe`, but that children are `tests.batch.quick_child`, and that index and caches have their turn every second:
everything else is the real thing."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from assetpipe.batch import isolated, work
from assetpipe.cli import main

QUICKER: Any = partial(work.Work, every=1.0)
work.Work = QUICKER  # type: ignore[misc]
isolated.CHILD = (sys.executable, str(Path(__file__).with_name("quick_child.py")))

if __name__ == "__main__":
    main()
