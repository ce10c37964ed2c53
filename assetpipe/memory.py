"""Memory that is freed goes back to the system at once."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # glibc's malloc.h
LARGE = 1 * 1024 * 1024
ARENAS = 2


def return_memory_early() -> None:
    """glibc raises its threshold for memory of its own mapping to 32 MB as soon as a block of that size is freed: maps
    and vertex arrays then come from heaps that never shrink. Pinned, a build of the million-triangle scan peaks at two
    thirds of the memory. Other C libraries have no such knob, and no such habit."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_ARENA_MAX, ARENAS)
