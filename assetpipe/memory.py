"""Memory that is freed goes back to the system at once; how libraries say that there was none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
LARGE = 6 * 1024 * 1024
SPARE = 8 * 1024 * 1024
"""Free memory at the end of a heap that is kept: by default all but 128 KB goes back, and each array of a few megabytes
comes with new pages."""
ARENAS = 2
STARVED = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")
"""Words by which libraries say that there was no memory, whatever else they make of it."""


def starved(said: str) -> bool:
    return any(word in said for word in STARVED)


def return_memory_early() -> None:
    """glibc raises its threshold for memory of its own mapping to 32 MB as soon as a block of that size is freed: maps
    and vertex arrays then come from heaps that never shrink. Pinned, a build of the million-triangle scan peaks at four
    fifths of the memory. Not lower: a block that is mapped anew costs the system 5 µs for each of its pages, until it
    is large enough for huge ones. Other C libraries have no such knob, and no such habit."""
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, SPARE)
        mallopt(M_ARENA_MAX, ARENAS)


def return_memory() -> None:
    """What is free now: worth it where much is about to be asked for that is too large for it."""
    trim = _of_libc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    """None where the C library is not glibc."""
    return getattr(ctypes.CDLL(None), name, None)
