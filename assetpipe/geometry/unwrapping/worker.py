"""A program of its own: `python worker.py ENGINE OPTIONS`, a skin on stdin, its UVs on stdout.

It runs unwrappers that may hang, crash or take all memory, so whoever starts it ends it at a deadline. It imports
nothing of ours: a checkout that is not installed can run it too. Exit codes: 69 the engine is not there, 70 it failed.

stdin: two int64, vertices and triangles; float32 (v, 3); int32 (f, 3). stdout: float32 (f, 3, 2).
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

MISSING, FAILED = 69, 70
PR_SET_PDEATHSIG = 1


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

    tensor: Any = open3d.core.Tensor
    mesh = open3d.t.geometry.TriangleMesh(tensor(points.copy()), tensor(corners.astype("int64")))
    mesh.compute_uvatlas(
        size=int(options["px"]), gutter=1.0, max_stretch=options["stretch"], parallel_partitions=options["partitions"]
    )
    return mesh.triangle["texture_uvs"].numpy()


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
