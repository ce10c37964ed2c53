"""Warp, set up so that the same kernels give the same bytes on every machine.

Warp compiles for the CPU that it runs on and fuses a*b + c into one instruction where that CPU can: an AVX2 machine
would round differently from one without. `EXACT` turns both off: objects are for the baseline of the architecture
(measured: no slower, the kernels wait for memory) and may be built once into a container image. Warp passes structs of
arrays by value; without the raised inlining threshold of its own default a sweep takes 3.4 times as long.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import warp as wp

from assetpipe.caches import kernel_folder
from assetpipe.errors import LimitExceeded
from assetpipe.scratch import scratch

LOADING = RLock()
_listeners: list[Callable[[], None]] = []
"""Of those who wait: kernels of a process are everybody's, whoever needs them first."""

EXACT: dict[str, Any] = {
    "enable_backward": False,
    "fuse_fp": False,
    "fast_math": False,
    "cpu_compiler_flags": "-ffp-contract=off -mllvm=-inline-threshold=9000",
}
WHOLE: dict[str, Any] = {**EXACT, "cpu_compiler_flags": "-ffp-contract=off -mllvm=-inline-threshold=40000"}
"""For a kernel whose functions are so large that they would be called, the struct copied each time (a tenth of a
sweep's instructions); a second more to compile."""


@cache
def kernel_cache() -> Path:
    """Where compiled kernels are kept; Warp is up and silent when this returns. To one that cannot be written to (of a
    container, or of whoever runs us) this process adds what is missing in a folder of its own."""
    wp.config.log_level = wp.LOG_ERROR  # it warns of every machine without a GPU
    wp.config.verify_fp = False
    folder = Path(wp.config.kernel_cache_dir or kernel_folder())
    if not _writable(folder):
        folder = _beside(folder)
    wp.config.kernel_cache_dir = str(folder)
    with _native_silence():
        wp.init()
    wp.set_device("cpu")  # an array that does not say where it lies must not be on a GPU, out of our launches' reach
    return Path(wp.config.kernel_cache_dir)


@contextmanager
def _native_silence() -> Iterator[None]:
    """Without a GPU, Warp's C++ side says so on stderr whatever `log_level` is; `doctor` says it better."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def load(module: str) -> None:
    """Compile the kernels of a module, or fetch them from the cache. One at a time: modules share functions, and Warp
    writes notes about a function into it."""
    with LOADING:
        compiled = kernel_cache() / wp.get_module(module).get_module_identifier(block_dim=1)
        if not compiled.exists():
            _tell_of_compiling()
        try:
            wp.load_module(module, device="cpu")
        except OSError as error:
            fault = f"{kernel_cache()}: no room for the kernels of {module}: {error.strerror}"
            raise LimitExceeded("E_KERNELS", fault, hint="free some space, or name another WARP_CACHE_PATH") from error


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """`tell` is called once, before the first kernels that are compiled meanwhile."""
    with LOADING:
        _listeners.append(tell)
    try:
        yield
    finally:
        with LOADING, suppress(ValueError):
            _listeners.remove(tell)


def _tell_of_compiling() -> None:
    while _listeners:
        _listeners.pop(0)()


def _beside(folder: Path) -> Path:
    """A folder that can be written to, in which all that is in the other seems to be, until we end."""
    until_we_end = ExitStack()
    atexit.register(until_we_end.close)
    own = until_we_end.enter_context(scratch("kernels"))
    with suppress(OSError):
        for entry in folder.iterdir():
            (own / entry.name).symlink_to(entry)
    return own


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
