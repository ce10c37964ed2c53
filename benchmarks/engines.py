"""Arrays of a source in a folder, an engine's name -> its result beside them, seconds and peak memory as JSON.

Run by decimate.py, one process for each call. `meshopt.mjs` does the same for the engines that live in npm.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NODE = ("meshopt-positions", "meshopt-attributes", "meshopt-update", "gltfpack", "gltfpack-update", "gltf-transform")
LONG = 15.0
"""Seconds beyond which a second call says nothing new."""
TURNS = 15
"""Of levels in one descent and the last alone: the machine changes its speed by more than they differ."""

Arrays = dict[str, Any]
"""positions (w, 3), uvs (w, 2), normals (w, 3) float32, one row per wedge; indices (f, 3) uint32."""
COLUMNS = {"positions": 3, "uvs": 2, "normals": 3, "indices": 3}


def read_arrays(folder: Path) -> Arrays:
    kinds = {name: np.uint32 if name == "indices" else np.float32 for name in COLUMNS}
    files = {name: folder / f"{name}.bin" for name in COLUMNS}
    return {
        name: np.fromfile(file, kinds[name]).reshape(-1, COLUMNS[name]) for name, file in files.items() if file.exists()
    }


def write_arrays(folder: Path, arrays: Arrays) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        array.astype(np.uint32 if name == "indices" else np.float32).tofile(folder / f"{name}.bin")


def make(folder: Path, triangles: int, scan: Path | None) -> None:
    from statue import DENTED, POLISHED, make_statue

    from assetpipe.config import load_config
    from assetpipe.sources import open_source, read_scene

    if scan:
        limits = load_config().limits
        with open_source(scan, limits) as source:
            primitive = read_scene(source, limits).meshes[0].primitives[0]
    else:
        waves = POLISHED if "polished" in folder.name else DENTED
        primitive = make_statue(triangles, waves).meshes[0].primitives[0]
    names = {"positions": "POSITION", "uvs": "TEXCOORD_0", "normals": "NORMAL"}
    arrays = {name: primitive.attributes[semantic] for name, semantic in names.items()}
    write_arrays(folder, {**arrays, "indices": primitive.indices.reshape(-1, 3)})


Engine = Callable[[Arrays, list[int]], Callable[[], list[Arrays]]]
"""What the engine wants to have before its clock starts -> the call -> a result for each target."""


def assetpipe(source: Arrays, targets: list[int]) -> Callable[[], list[Arrays]]:
    from assetpipe.asset import TRIANGLES, Mesh, Node, Primitive, Scene
    from assetpipe.geometry.join import join
    from assetpipe.geometry.kernels.collapse import collapse
    from assetpipe.geometry.surface import Target
    from assetpipe.memory import return_memory_early

    return_memory_early()  # as the commands do

    def call_on(arrays: Arrays, most: list[int]) -> list[Arrays]:
        names = {"POSITION": "positions", "NORMAL": "normals", "TEXCOORD_0": "uvs"}
        attributes = {semantic: arrays[name] for semantic, name in names.items()}
        primitive = Primitive(TRIANGLES, arrays["indices"].reshape(-1), attributes)
        scene = Scene((Node({"mesh": 0}),), (Mesh((primitive,)),), json={"scenes": [{"nodes": [0]}], "scene": 0})
        joined = join(scene)
        assert joined
        columns = dict(joined.columns)
        targets = [Target(triangles, 0.0) for triangles in most]
        return [_arrays(copy.surface, columns) for copy in collapse(joined.surface, targets, again=False)]

    call_on({**source, "indices": source["indices"][:1000]}, [100])  # kernels are loaded, as the peers' modules are
    return lambda: call_on(source, targets)


def _arrays(surface: Any, columns: dict[str, slice]) -> Arrays:
    return {
        "positions": surface.positions[surface.wedge_vertex],
        "uvs": surface.attributes[:, columns["TEXCOORD_0"]],
        "normals": surface.attributes[:, columns.get("NORMAL", slice(0))],  # none where facets are as good
        "indices": surface.corners,
    }


def fast_simplification(source: Arrays, targets: list[int]) -> Callable[[], list[Arrays]]:
    import fast_simplification

    points, faces = _welded(source)

    def call() -> list[Arrays]:
        return [_bare(*fast_simplification.simplify(points, faces, target_count=targets[0]))]

    return call


def open3d(source: Arrays, targets: list[int]) -> Callable[[], list[Arrays]]:
    import open3d

    points, faces = _welded(source)
    mesh = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(points.astype(np.float64)), open3d.utility.Vector3iVector(faces.astype(np.int32))
    )

    def call() -> list[Arrays]:
        made = mesh.simplify_quadric_decimation(targets[0])
        return [_bare(np.asarray(made.vertices), np.asarray(made.triangles))]

    return call


def meshlab(source: Arrays, targets: list[int]) -> Callable[[], list[Arrays]]:
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(
        pymeshlab.Mesh(*(array.astype(kind) for array, kind in zip(_welded(source), (float, np.int32), strict=True)))
    )

    def call() -> list[Arrays]:
        meshes.meshing_decimation_quadric_edge_collapse(
            targetfacenum=targets[0], preservenormal=True, preservetopology=True, preserveboundary=True
        )
        made = meshes.current_mesh()
        return [_bare(made.vertex_matrix(), made.face_matrix())]

    return call


def meshlab_texture(source: Arrays, targets: list[int]) -> Callable[[], list[Arrays]]:
    import pymeshlab

    with tempfile.TemporaryDirectory() as folder:
        _write_obj(Path(folder), source)
        meshes = pymeshlab.MeshSet()
        meshes.load_new_mesh(str(Path(folder) / "source.obj"))

    def call() -> list[Arrays]:
        meshes.meshing_decimation_quadric_edge_collapse_with_texture(targetfacenum=targets[0], preservenormal=True)
        made = meshes.current_mesh()
        corners = made.face_matrix().reshape(-1)
        wedges = np.arange(len(corners)).reshape(-1, 3)
        return [{"positions": made.vertex_matrix()[corners], "uvs": made.wedge_tex_coord_matrix(), "indices": wedges}]

    return call


ENGINES: dict[str, Engine] = {
    "assetpipe": assetpipe,
    "fast-simplification": fast_simplification,
    "open3d": open3d,
    "meshlab": meshlab,
    "meshlab-texture": meshlab_texture,
}


def _welded(source: Arrays) -> tuple[Any, Any]:
    """Engines without attributes get one vertex per place."""
    points, index = np.unique(source["positions"], axis=0, return_inverse=True)
    return points, index.reshape(-1)[source["indices"]]


def _write_obj(folder: Path, source: Arrays) -> None:
    """MeshLab takes texture coordinates for missing where no texture goes with them, and reads one from files alone."""
    points, faces = _welded(source)
    Image.new("RGB", (4, 4)).save(folder / "source.png")
    (folder / "source.mtl").write_text("newmtl source\nmap_Kd source.png\n")
    with (folder / "source.obj").open("w") as file:
        file.write("mtllib source.mtl\nusemtl source\n")
        np.savetxt(file, points, "v %.9g %.9g %.9g")
        np.savetxt(file, source["uvs"], "vt %.9g %.9g")
        pairs = np.stack([faces, source["indices"].reshape(-1, 3)], axis=-1).reshape(-1, 6)
        np.savetxt(file, pairs + 1, "f %d/%d %d/%d %d/%d")


def _bare(points: Any, faces: Any) -> Arrays:
    return {"positions": points, "indices": faces}


def _memory(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def run(engine: str, folder: Path, targets: list[int]) -> dict[str, Any]:
    call = ENGINES[engine](read_arrays(folder), targets)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts here
    before, seconds = _memory("VmRSS"), []
    results: list[Arrays] = []
    while not seconds or (len(seconds) < 2 and seconds[0] < LONG and engine not in ("meshlab", "meshlab-texture")):
        results = []  # of the call before
        start = time.perf_counter()
        results = call()
        seconds.append(time.perf_counter() - start)
    peak = _memory("VmHWM") - before
    for target, result in zip(targets, results, strict=True):
        write_arrays(folder / f"{engine}-{target}", result)
    return {"seconds": seconds, "peak": peak, "triangles": len(results[-1]["indices"])}


def chain(folder: Path, targets: list[int]) -> float:
    """What all levels in one descent cost, over the last of them alone: in turns, in one process, after one of each."""
    source = read_arrays(folder)
    calls = [assetpipe(source, levels) for levels in (targets, targets[-1:])]
    turns = [[_seconds(call) for call in calls] for _ in range(1 + TURNS)]
    return statistics.median(every for every, _ in turns[1:]) / statistics.median(last for _, last in turns[1:])


def _seconds(call: Callable[[], list[Arrays]]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "make":
        make(Path(words[0]), int(words[1]), Path(words[2]) if len(words) > 2 else None)
    elif verb == "chain":
        print(json.dumps(chain(Path(words[0]), [int(word) for word in words[1:]])))
    else:
        print(json.dumps(run(words[0], Path(words[1]), [int(word) for word in words[2:]])))
