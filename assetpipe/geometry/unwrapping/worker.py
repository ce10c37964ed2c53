"""A program of its own: `python worker.py ENGINE OPTIONS`, a skin on stdin, its UVs on stdout.

It runs unwrappers that may hang, crash or take all memory, so whoever starts it ends it at a deadline. It imports
nothing of ours: a checkout that is not installed can run it too. Exit codes: 69 the engine is not there, 70 it failed.

stdin: two int64, vertices and triangles; float32 (v, 3); int32 (f, 3). stdout: float32 (f, 3, 2).
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

MISSING, FAILED = 69, 70
PR_SET_PDEATHSIG = 1
CONSTANT = {"x86_64": b"\xb8\x2a\x00\x00\x00\xc3", "aarch64": b"\x40\x05\x80\x52\xc0\x03\x5f\xd6"}  # return 42
PAGE, READ_WRITE_RUN, READ_RUN = 4096, 7, 5


def main() -> None:
    engine, options = sys.argv[1], json.loads(sys.argv[2])
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    limit = int(options["memory_mb"]) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Native libraries print; the real stdout is for the result alone.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        uvs = ENGINES[engine](*_read(), options)
    except ImportError as error:
        _end(MISSING, str(error))
    except BaseException as error:
        _end(FAILED, f"{type(error).__name__}: {error}")
    out.write(uvs.astype("<f4").tobytes())
    out.close()
    os._exit(0)  # the libraries' own ends are nobody's concern


def _read() -> tuple[Any, Any]:
    import numpy as np

    data = sys.stdin.buffer.read()
    vertices, triangles = np.frombuffer(data, "<i8", 2)
    points = np.frombuffer(data, "<f4", 3 * vertices, 16).reshape(-1, 3)
    return points, np.frombuffer(data, "<i4", 3 * triangles, 16 + points.nbytes).reshape(-1, 3)


def _uvatlas(points: Any, corners: Any, options: dict[str, Any]) -> Any:
    import open3d

    _same_dice()
    tensor: Any = open3d.core.Tensor
    mesh = open3d.t.geometry.TriangleMesh(tensor(points.copy()), tensor(corners.astype("int64")))
    mesh.compute_uvatlas(
        size=int(options["px"]), gutter=1.0, max_stretch=options["stretch"], parallel_partitions=options["partitions"]
    )
    return mesh.triangle["texture_uvs"].numpy()


def _same_dice() -> None:
    """UVAtlas seeds its search from the system's randomness and has no switch for it: two runs give two results. In
    this process, std::random_device always says 42; where that cannot be had, there is no UVAtlas."""
    code = CONSTANT[platform.machine()]
    library, libc = ctypes.CDLL("libstdc++.so.6"), ctypes.CDLL(None)
    where = ctypes.cast(library._ZNSt13random_device9_M_getvalEv, ctypes.c_void_p).value or 0
    start, length = where & -PAGE, 2 * PAGE
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if libc.mprotect(start, length, READ_WRITE_RUN):
        raise ImportError("this system does not let the dice of UVAtlas be fixed, so no two builds would be the same")
    ctypes.memmove(where, code, len(code))
    libc.mprotect(start, length, READ_RUN)


def _xatlas(points: Any, corners: Any, options: dict[str, Any]) -> Any:
    import numpy as np
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(points, corners.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution = int(options["px"])
    atlas.generate(xatlas.ChartOptions(), packing)
    _, indices, uvs = atlas[0]
    return (uvs * np.array([atlas.width, atlas.height], np.float32))[indices].astype(np.float32)


ENGINES: dict[str, Callable[[Any, Any, dict[str, Any]], Any]] = {"uvatlas": _uvatlas, "xatlas": _xatlas}


def _end(code: int, message: str) -> None:
    sys.stderr.write(f"\n{message}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
