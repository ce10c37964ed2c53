"""Batches for tests: items that need no source, and a runner in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assetpipe.batch.journal import Journal
from assetpipe.batch.plan import Item, write_plan
from assetpipe.batch.tasks import Batch, Rules

ODD = (sys.executable, "-S", str(Path(__file__).with_name("odd_child.py")))
RUNNER = """
import sys
from pathlib import Path
from assetpipe.batch.plan import read_plan
from assetpipe.batch.run import carry_out
from assetpipe.batch.tasks import Batch, Rules
from assetpipe.errors import AssetpipeError
from assetpipe.log import JsonLines
plan, out, workers, *child = sys.argv[1:]
rules = Rules(workers=int(workers), grace=1.0, backoff=0.1)
try:
    carry_out(Batch(tuple(read_plan(Path(plan))), Path(out), rules=rules, report=JsonLines(), command=tuple(child)))
except AssetpipeError as error:
    print(error.code, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def items(folder: Path, names: Iterable[str], **facts: Any) -> tuple[Item, ...]:
    """Assets of these names, each with a source that holds its name."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_item(folder / f"{name}.glb", name, facts) for name in names)


def batch(out: Path, wanted: tuple[Item, ...], *, command: tuple[str, ...] = ODD, **rules: Any) -> Batch:
    return Batch(wanted, out, rules=Rules(**{"workers": 2, "grace": 0.5, "backoff": 0.05, **rules}), command=command)


def start_runner(out: Path, wanted: tuple[Item, ...], workers: int = 2) -> subprocess.Popen[str]:
    plan = out.parent / f"{out.name}.jsonl"
    write_plan(plan, wanted)
    command = [sys.executable, "-c", RUNNER, str(plan), str(out), str(workers), *ODD]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def started(out: Path) -> list[str]:
    """Assets in the order in which children were started for them."""
    log = out / "started.log"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(truth: Callable[[], bool], seconds: float = 300) -> None:
    """What does not come fails; how long it takes is the machine's business."""
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def read_journal(out: Path, look: Callable[[Journal], Any]) -> Any:
    journal = Journal(out / ".batch" / "journal.sqlite")
    try:
        return look(journal)
    finally:
        journal.close()


def _item(path: Path, name: str, facts: dict[str, Any]) -> Item:
    path.write_text(name)
    return Item(source=str(path), asset=name, bytes=len(name), **{"seconds": 1.0, "memory_mb": 20, **facts})
