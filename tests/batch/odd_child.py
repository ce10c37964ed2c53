"""A child for tests: the name of its asset says how it (mis)behaves. `real-*`, `disk-*` and `escape-*` are built by the
real child, `disk-*` with room for files of 1 kB only, `mute-*` with none; `ready-*` were built before; whatever
has no name here is built in no time."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path.cwd()
REAL = "import assetpipe.poster as p; p.POSTER_PX = 64; from assetpipe.batch.child import main; main()"


def main() -> None:
    order = json.loads((HERE / "order.json").read_text())
    kind = "real" if order["stage"] == "fetch" else order["item"]["asset"].split("-")[0]
    with (Path(order["out"]) / "started.log").open("a") as log:
        log.write(f"{order['item']['asset']} {order['stage']} {os.getpid()}\n")
    {
        "crash": crash, "hang": hang, "greedy": greedy, "flaky": flaky, "once": once, "slow": slow, "liar": liar,
        "ready": ready, "real": real, "disk": disk, "mute": mute, "escape": real,
    }.get(kind, quick)(order)  # fmt: skip


def say(order: dict[str, Any], message: str, fraction: float) -> None:
    print(json.dumps({"kind": "step", "asset": "another", "message": message, "fraction": fraction}), flush=True)


def ready(order: dict[str, Any]) -> None:
    """Its bundle lies beside its source; publishing it is the real child's work."""
    if order["stage"] == "publish":
        real(order)
    name = order["item"]["asset"]
    shutil.copytree(Path(order["source"]).parent / "ready" / name, Path(order["out"]) / name, dirs_exist_ok=True)
    levels = [{"name": level, "triangles": 1, "bytes": 9} for level in ("preview", "standard", "high")]
    (HERE / "outcome.json").write_text(json.dumps({"levels": levels}))


def quick(order: dict[str, Any]) -> None:
    assert Path(order["source"]).stat().st_size
    folder = Path(order["out"]) / order["item"]["asset"]
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text("{}")
    say(order, "built", 1.0)
    level = {"name": "preview", "triangles": 12, "bytes": 345}
    (HERE / "outcome.json").write_text(json.dumps({"levels": [level]}))


def slow(order: dict[str, Any]) -> None:
    say(order, "thinking", 0.5)
    time.sleep(0.4)
    quick(order)


def crash(_order: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def once(order: dict[str, Any]) -> None:
    """Crashes the first time."""
    if _times(order) == 1:
        crash(order)
    quick(order)


def flaky(order: dict[str, Any]) -> None:
    """Twice there is no use, the third time there is."""
    if _times(order) <= 2:
        outcome = {"code": "E_BUSY", "message": "somebody is at it"}
        (HERE / "outcome.json").write_text(json.dumps(outcome))
        sys.exit(75)
    quick(order)


def hang(order: dict[str, Any]) -> None:
    """Deaf to SIGTERM, with a child in its group and one that has left it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    started = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
    (Path(order["out"]) / "hung.json").write_text(json.dumps([os.getpid(), *(each.pid for each in started)]))
    Path(os.environ["TMPDIR"], "scratch").write_text("left behind")
    while True:
        time.sleep(1)


def greedy(order: dict[str, Any]) -> None:
    """20 MB more each time, every page of it touched; what it is refused it waits for, until somebody looks."""
    kept = []
    while True:
        with suppress(MemoryError):
            kept.append(b"x" * 20_000_000)
        say(order, "more", 0.1)
        time.sleep(0.05)


def liar(order: dict[str, Any]) -> None:
    """Says that all is well, in a way that nobody should believe."""
    print("x" * 300_000, flush=True)
    (HERE / "outcome.json").write_text(json.dumps({"levels": [{"name": 3, "triangles": "many"}], "junk": "y" * 10}))


def disk(order: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    real(order)


def mute(order: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    real(order)


def real(_order: dict[str, Any]) -> None:
    os.execv(sys.executable, [sys.executable, "-c", REAL])


def _times(order: dict[str, Any]) -> int:
    lines = (Path(order["out"]) / "started.log").read_text().splitlines()
    return sum(line.split()[0] == order["item"]["asset"] for line in lines)


main()
