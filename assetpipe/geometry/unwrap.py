"""Scene -> the same with a unique place in 0..1 for every triangle: for sources without UVs, and for levels whose seams
were released.

The engine is our own, `charts`: it always ends, and gives the same bytes on every machine. Those of others run only
where they are asked for by name, each in a child process with a deadline; what they hand back is cleaned, packed and
judged by us, and where one fails, `charts` takes over. Figures are in docs/unwrapping.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Array, Mesh, Primitive, Scene
from assetpipe.geometry.unwrapping.charts import Charts, make_charts
from assetpipe.geometry.unwrapping.engines import Bounds, EngineFailed, run_engine
from assetpipe.geometry.unwrapping.judge import Verdict, judge
from assetpipe.geometry.unwrapping.packing import Packed, Sheet, pack
from assetpipe.geometry.unwrapping.skin import Skin, make_skin
from assetpipe.geometry.welding import map_vertices
from assetpipe.rows import first_equal
from assetpipe.transforms import mesh_scales

OWN = "charts"
TOLERANCE = 0.002  # of the covered texels may lie under two triangles: slivers along the edges of an engine's charts


@dataclass(frozen=True)
class Unwrapping:
    """What the UVs are for, and what may be spent on them."""

    texture_px: int
    gutter_px: float
    """Texels between charts."""
    engines: tuple[str, ...] = (OWN,)
    """Of `charts`, `xatlas` and `uvatlas`, in this order; `charts` ends it in any case. The others are optional
    packages, and with them nobody promises the same bytes: deadlines are clocks, and UVAtlas throws dice."""
    seconds: float = 60.0
    """The deadline of each engine of others."""
    memory_mb: int = 8192
    replaces: bool = False
    """Whether primitives that have TEXCOORD_0 get a new one."""
    materials: frozenset[int | None] | None = None
    """Whose primitives are unwrapped; None: everyone's."""


@dataclass(frozen=True, eq=False)
class Unwrapped:
    scene: Scene
    engine: str
    """The one whose UVs these are; "" where nothing had to be unwrapped."""
    charts: int
    verdict: Verdict
    gutter: float
    """Texels that lie between charts."""
    sources: Mapping[tuple[int, int], NDArray[np.int64]]
    """(mesh, primitive) -> (vertices,) which vertex each was: seams split them."""
    notes: tuple[str, ...] = ()
    """Why engines before it were passed over, and what had to be given up."""


def unwrap(scene: Scene, settings: Unwrapping) -> Unwrapped:
    """All meshes share one square, texels by the size at which the scene shows them at its largest."""
    chosen = [key for key in _triangles(scene) if _is_chosen(_at(scene, key), settings)]
    if not chosen:
        return Unwrapped(scene, "", 0, Verdict(0.0, 1.0, 0.0), settings.gutter_px, {})
    scales = _scales(scene)
    skin = make_skin([_at(scene, key) for key in chosen], [scales[mesh] for mesh, _ in chosen])
    engine, charts, packed, verdict, notes = _first_good(skin, settings)
    corners = _every_corner(skin, packed.uvs)
    made, sources, start = {}, {}, 0
    for key in chosen:
        primitive = _at(scene, key)
        stop = start + len(primitive.indices)
        made[key], sources[key] = _with_uvs(primitive, corners[start:stop])
        start = stop
    if packed.gutter < settings.gutter_px:
        notes = (*notes, f"{charts.count:,} charts leave room for gutters of {packed.gutter:.1f} texels only")
    return Unwrapped(_with(scene, made), engine, charts.count, verdict, packed.gutter, sources, notes)


def _first_good(skin: Skin, settings: Unwrapping) -> tuple[str, Charts, Packed, Verdict, tuple[str, ...]]:
    notes: list[str] = []
    sheet = Sheet(settings.texture_px, settings.gutter_px)
    others = takewhile(lambda engine: engine != OWN, settings.engines)
    for engine in others if len(skin.corners) else ():
        try:
            charts = run_engine(engine, skin, Bounds(settings.seconds, settings.memory_mb))
        except EngineFailed as failure:
            notes.append(str(failure))
            continue
        packed = pack(skin, charts, sheet)
        verdict = judge(skin, packed.uvs, sheet.px)
        if verdict is not None and verdict.overlap <= TOLERANCE:
            return engine, charts, packed, verdict, tuple(notes)
        notes.append(f"{engine}: triangles lie on each other")
    charts = make_charts(skin)
    packed = pack(skin, charts, sheet)
    own = judge(skin, packed.uvs, sheet.px)
    assert own  # packed into the square by ourselves
    return OWN, charts, packed, own, tuple(notes)


def _is_chosen(primitive: Primitive, settings: Unwrapping) -> bool:
    among = settings.materials is None or primitive.material in settings.materials
    return among and (settings.replaces or "TEXCOORD_0" not in primitive.attributes)


def _triangles(scene: Scene) -> list[tuple[int, int]]:
    return [
        (number, at)
        for number, mesh in enumerate(scene.meshes)
        for at, primitive in enumerate(mesh.primitives)
        if primitive.mode == TRIANGLES and len(primitive.indices)
    ]


def _at(scene: Scene, key: tuple[int, int]) -> Primitive:
    return scene.meshes[key[0]].primitives[key[1]]


def _scales(scene: Scene) -> dict[int, float]:
    shown = mesh_scales(scene)
    scales = {mesh: shown.get(mesh, 0.0) for mesh in range(len(scene.meshes))}
    return {mesh: scale if scale > 0 and np.isfinite(scale) else 1.0 for mesh, scale in scales.items()}


def _every_corner(skin: Skin, uvs: Array) -> Array:
    """(3 f, 2) of all triangles, v down, NaN for those without an area."""
    found = np.full((skin.total, 3, 2), np.nan)
    found[skin.faces] = uvs
    corners = np.ascontiguousarray(found.reshape(-1, 2)).astype(np.float32)
    corners[:, 1] = 1 - corners[:, 1]
    return corners


def _with_uvs(primitive: Primitive, corners: Array) -> tuple[Primitive, NDArray[np.int64]]:
    """Each vertex as often as it has different UVs; unused ones go."""
    old = primitive.indices.astype(np.int64)
    corners = _pointed(old, corners)
    first = first_equal([old, corners])
    kept = np.flatnonzero(first == np.arange(len(first)))
    kept = kept[np.argsort(old[kept], kind="stable")]
    number = np.empty(len(first), np.uint32)
    number[kept] = np.arange(len(kept), dtype=np.uint32)
    moved = map_vertices(primitive, lambda array: array[old[kept]])
    attributes = {**moved.attributes, "TEXCOORD_0": np.ascontiguousarray(corners[kept])}
    return replace(moved, attributes=attributes, indices=number[first]), old[kept]


def _pointed(vertices: NDArray[np.int64], corners: Array) -> Array:
    """A triangle without an area is a point, where a neighbour's corner is: it covers no texel, and shows one."""
    lost = np.isnan(corners[::3, 0])
    if not lost.any():
        return corners
    proper = np.flatnonzero(np.repeat(~lost, 3))
    owners = np.full(int(vertices.max()) + 1, -1, np.int64)
    owners[vertices[proper][::-1]] = proper[::-1]
    beside = owners[vertices.reshape(-1, 3)[lost]].max(axis=1)
    points = np.where(beside[:, None] >= 0, corners[beside], np.float32(0.5))
    filled = corners.copy()
    filled[np.repeat(lost, 3)] = np.repeat(points, 3, axis=0)
    return filled


def _with(scene: Scene, made: Mapping[tuple[int, int], Primitive]) -> Scene:
    meshes: list[Mesh] = []
    for number, mesh in enumerate(scene.meshes):
        primitives = tuple(made.get((number, at), primitive) for at, primitive in enumerate(mesh.primitives))
        meshes.append(replace(mesh, primitives=primitives))
    return replace(scene, meshes=tuple(meshes))
