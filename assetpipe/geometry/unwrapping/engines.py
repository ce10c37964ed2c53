"""Skin -> UVs by an unwrapper of others, in a child process that a deadline and a limit of memory end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assetpipe.asset import Json
from assetpipe.geometry.unwrapping.charts import Charts, adopt_charts
from assetpipe.geometry.unwrapping.skin import Doubles, Skin
from assetpipe.geometry.unwrapping.worker import FAILED, MISSING

WORKER = Path(__file__).with_name("worker.py")
STRETCH = 1 / 6  # what UVAtlas calls 0.1666: at which it cuts no further
PARTITION = 2_500  # triangles that UVAtlas treats at once: it takes longer than in proportion
CURES = {
    "uvatlas": "pip install 'assetpipe[unwrap]'; apt install libusb-1.0-0 libgl1 libgomp1 libx11-6",
    "xatlas": "pip install 'assetpipe[unwrap]'",
}


@dataclass(frozen=True)
class Bounds:
    """What an engine may take."""

    seconds: float
    memory_mb: int


class EngineFailed(Exception):
    """Why this engine has no result; the next one is tried."""


def run_engine(engine: str, skin: Skin, bounds: Bounds) -> Charts:
    options: Json = {
        "px": 2048,
        "stretch": STRETCH,
        "partitions": max(2, len(skin.corners) // PARTITION),
        "memory_mb": bounds.memory_mb,
    }
    data = _answer(engine, options, _question(skin), bounds)
    uvs: Doubles = np.frombuffer(data, "<f4").astype(np.float64)
    if uvs.size != 6 * len(skin.corners):
        raise EngineFailed(f"{engine}: gave {uvs.size // 6:,} triangles of {len(skin.corners):,}")
    if not np.isfinite(uvs).all():
        raise EngineFailed(f"{engine}: gave UVs that are no numbers")
    return adopt_charts(skin, uvs.reshape(-1, 3, 2))


def _question(skin: Skin) -> bytes:
    sizes = np.array([len(skin.points), len(skin.corners)], "<i8")
    return sizes.tobytes() + skin.points.astype("<f4").tobytes() + skin.corners.astype("<i4").tobytes()


def _answer(engine: str, options: Json, question: bytes, bounds: Bounds) -> bytes:
    command = [sys.executable, "-P", str(WORKER), engine, json.dumps(options)]
    # A session of its own, so that the deadline ends whatever the engine has started too.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        answer, said = process.communicate(question, timeout=bounds.seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        raise EngineFailed(f"{engine}: had no result after {bounds.seconds:g} s") from None
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        raise EngineFailed(_reason(engine, process.returncode, said.decode(errors="replace")))
    return answer


def _reason(engine: str, code: int, said: str) -> str:
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")[:300]
    if code == MISSING:
        return f"{engine}: is not there ({last}); {CURES.get(engine, 'install it')}"
    if code == FAILED:
        return f"{engine}: {last}"
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"{engine}: crashed ({name})"


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
