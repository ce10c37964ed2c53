"""A child in the place of `assetpipe.batch.child`: fetches as the real one does, and "builds", in a fraction of a
second, a bundle that depends on its source alone. For tests of what is around it: hundreds of assets, killed at any
moment.

A source may ask for trouble in its first line: `sleep 3`, `crash`, `bad`, `wait FILE`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from assetpipe.batch.order import ORDER, Order, Outcome, write_outcome
from assetpipe.bundle import write_bundle
from assetpipe.log import Event, JsonLines
from assetpipe.manifest import BoundsRecord, LevelRecord, Manifest, SourceRecord, ToolRecord


def main() -> NoReturn:
    order = Order.model_validate_json(Path(ORDER).read_bytes())
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    say = JsonLines(sys.stdout)
    if order.stage == "fetch":
        from assetpipe.batch.remote import fetch_source

        Path(order.source).mkdir(parents=True)
        where = fetch_source(order.item.source, Path(order.source), 10**9)
        write_outcome(Path.cwd(), Outcome(source=str(where)))
        sys.exit(0)
    data = Path(order.source).read_bytes()
    for step, seconds in (("reading", 0.0), ("decimating", _wish(data, b"sleep")), ("poster", 0.0)):
        say(Event("step", order.item.asset, step, 0.5))
        time.sleep(seconds)
    if data.startswith(b"wait"):
        _wait_for(Path(data.splitlines()[0].split()[1].decode()))
    if data.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(b"bad"):
        write_outcome(Path.cwd(), Outcome(code="E_BAD", message=f"{order.source}: bad", hint="mend it"))
        sys.exit(65)
    _build(order, data)
    write_outcome(Path.cwd(), Outcome(warnings=1))
    sys.exit(0)


def _wait_for(file: Path) -> None:
    """Not for ever: whoever would make it may have been killed."""
    until = time.monotonic() + 900
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)


def _wish(data: bytes, what: bytes) -> float:
    line = data.splitlines()[0].split()
    return float(line[1]) if line[:1] == [what] else 0.0


def _build(order: Order, data: bytes) -> None:
    category, asset = order.item.category or "general", order.item.asset
    files = {f"{name}.glb": b"glTF" + data * times for name, times in (("preview", 1), ("high", 40))}
    levels = [
        LevelRecord(
            name=name.removesuffix(".glb"),
            uri=name,
            sha256=hashlib.sha256(body).hexdigest(),
            bytes=len(body),
            triangles=12,
            vertices=8,
            materials=1,
            textures=(),
            screen_px=256,
            deviation={"max": 0.0, "rms": 0.0},  # type: ignore[arg-type]
        )
        for name, body in files.items()
    ]
    manifest = Manifest(
        asset=asset,
        category=category,
        source=SourceRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), format="glb", triangles=12),
        config_sha256="0" * 64,
        tool=ToolRecord(version="1"),
        bounds=BoundsRecord(min=(0, 0, 0), max=(1, 1, 1), radius=1),
        levels=tuple(levels),
    )
    folder = Path(order.out) / asset
    folder.mkdir(parents=True)
    write_bundle(folder, files, manifest)


if __name__ == "__main__":
    main()
