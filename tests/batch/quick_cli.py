"""`assetpipe`, but that children are `tests.batch.quick_child`: everything else is the real thing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from assetpipe.batch import isolated, work
from assetpipe.cli import main
from assetpipe.commands import batch_aws

isolated.CHILD = (sys.executable, str(Path(__file__).with_name("quick_child.py")))
if os.environ.get("PATIENT"):  # a drain waits for what is under way, however slow the machine is
    work.FINISH, batch_aws.LAST_RESORT = 300.0, 600.0

if __name__ == "__main__":
    main()
