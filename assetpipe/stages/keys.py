"""What a stage depends on -> the name of its result: a hash of stage, inputs, settings, and of who computes.

Who computes is more than a version: in a checkout the code changes and the version does not, and a library may encode
better tomorrow. So every file of the package counts, and the versions of all libraries whose output reaches a result.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assetpipe.asset import Json
from assetpipe.version import __version__

LIBRARIES = ("dracopy", "meshoptimizer", "numpy", "pillow", "pyvips", "pyvips-binary", "trimesh", "warp-lang")
"""Whose arithmetic or codecs are in a result."""
ELSEWHERE = ("batch", "commands", "delivery", "__pycache__")
"""Folders of the package that nothing of a result comes from."""
DIGITS = 40
"""Hex digits of a name: 160 bits."""


def stage_key(stage: str, **depends: object) -> str:
    """`decimate-0123…`. `depends`: all that the result follows from, as JSON."""
    told = canonical({"stage": stage, "made by": computed_by(), **depends})
    return f"{stage}-{hashlib.sha256(told).hexdigest()[:DIGITS]}"


def canonical(value: object) -> bytes:
    """Equal for equal values: keys sorted, numbers in their shortest form, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=True).encode()


@cache
def computed_by() -> Json:
    """The machine's kind of arithmetic is in it although results are promised to be the same on all: a cache may be
    shared by machines that nobody has compared."""
    return {
        "version": __version__,
        "code": _code(Path(__file__).parents[1]),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": platform.machine(),
    }


def _code(package: Path) -> str:
    """Of every file: kernels and the JavaScript tools with their lock, too. 300 files take 15 ms."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if not set(ELSEWHERE) & set(name.parts) and path.suffix in (".py", ".mjs", ".json"):
            data = path.read_bytes()
            digest.update(f"{name.as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
