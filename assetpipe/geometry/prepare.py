"""Scene -> the same picture, sound: what renderers skip or guess is taken out or written down, each mend counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Mesh, Primitive, Scene
from assetpipe.config import Geometry
from assetpipe.errors import SourceError
from assetpipe.geometry.degenerate import drop_degenerate, drop_duplicates
from assetpipe.geometry.directions import square_to, unit, vertex_normals
from assetpipe.geometry.pose import Pose
from assetpipe.geometry.snapping import snap_together
from assetpipe.geometry.uses import needs_tangents
from assetpipe.geometry.welding import weld
from assetpipe.rows import used_rows

Counts = Counter[str]
Mend = Callable[[Primitive, Counts], Primitive]

SENTENCES = {
    "nonfinite": "{n:,} triangles, lines or points with a coordinate that is not a number dropped",
    "snapped": "{n:,} vertices moved onto a neighbour nearer than weld_m",
    "degenerate": "{n:,} triangles without area dropped",
    "duplicate": "{n:,} triangles that repeat another dropped",
    "unused": "{n:,} vertices that nothing uses dropped",
    "welded": "{n:,} vertices that repeat another joined",
    "values": "{n:,} attribute values that are not numbers replaced",
    "normals": "{n:,} normals without a direction computed anew",
    "lengths": "{n:,} normals or tangents brought to length 1",
    "tangents": "tangents dropped from {n:,} primitives that have no normal map or no normals to go with them",
    "colours": "{n:,} vertex colours outside 0..1 clamped",
    "empty": "{n:,} primitives without anything to draw dropped",
}
FLAT = "{n:,} primitives have no normals and are drawn flat, as glTF asks"


def prepare(scene: Scene, settings: Geometry) -> Scene:
    """What was mended is told in `repairs`; raises when nothing is left to draw."""
    counts: Counts = Counter()
    scales = Pose(scene).scales if settings.weld_m else [1.0] * len(scene.meshes)
    meshes = tuple(
        _prepare_mesh(mesh, scene, settings.weld_m / scale, counts)
        for mesh, scale in zip(scene.meshes, scales, strict=True)
    )
    if not any(mesh.primitives for mesh in meshes):
        raise SourceError(
            "E_EMPTY",
            "scene: no triangles to publish: every triangle of every mesh is missing or without area",
            hint="export the model with its meshes visible and applied",
        )
    flat = sum("NORMAL" not in each.attributes for mesh in meshes for each in mesh.primitives if each.mode == TRIANGLES)
    return replace(
        scene,
        meshes=meshes,
        repairs=(*scene.repairs, *(SENTENCES[name].format(n=counts[name]) for name in SENTENCES if counts[name])),
        warnings=(*scene.warnings, FLAT.format(n=flat)) if flat else scene.warnings,
    )


def _prepare_mesh(mesh: Mesh, scene: Scene, weld: float, counts: Counts) -> Mesh:
    """`weld` in units of the mesh."""
    sound = tuple(_drop_nonfinite(primitive, counts) for primitive in mesh.primitives)
    if weld:
        sound, moved = snap_together(sound, weld)
        counts["snapped"] += moved
    primitives = tuple(_prepare_primitive(primitive, scene, counts) for primitive in sound)
    kept = tuple(primitive for primitive in primitives if len(primitive.indices))
    counts["empty"] += len(primitives) - len(kept)
    same = len(kept) == len(mesh.primitives) and all(a is b for a, b in zip(kept, mesh.primitives, strict=True))
    return mesh if same else replace(mesh, primitives=kept)


def _prepare_primitive(primitive: Primitive, scene: Scene, counts: Counts) -> Primitive:
    mends: list[Mend] = [_mend_values, _mend_colours, _mend_normals]
    if not needs_tangents(primitive, scene.materials):
        mends.append(_drop_tangents)
    mends += [_mend_tangents, _weld]
    if primitive.mode == TRIANGLES:
        mends += [_drop_degenerate, _drop_duplicates]
    for mend in mends:
        if len(primitive.indices):
            primitive = mend(primitive, counts)
    return primitive


def _drop_nonfinite(primitive: Primitive, counts: Counts) -> Primitive:
    finite = np.asarray(np.isfinite(primitive.positions).all(axis=1))
    if finite.all():
        return primitive
    per = {TRIANGLES: 3}.get(primitive.mode, primitive.mode + 1)
    elements = primitive.indices.reshape(-1, per)
    kept = finite[elements].all(axis=1)
    counts["nonfinite"] += int((~kept).sum())
    return replace(primitive, indices=elements[kept].reshape(-1))


def _mend_values(primitive: Primitive, counts: Counts) -> Primitive:
    """NaN and infinity in anything but positions, which have been seen to."""
    for name, values in primitive.attributes.items():
        if name != "POSITION" and values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            counts["values"] += int((~finite).sum())
            primitive = _with(primitive, name, np.where(finite, values, values.dtype.type(0)))
    return primitive


def _mend_colours(primitive: Primitive, counts: Counts) -> Primitive:
    for name, values in primitive.attributes.items():
        if name.startswith("COLOR_"):
            outside = (values < 0) | (values > 1)
            if outside.any():
                counts["colours"] += int(outside.any(axis=1).sum())
                primitive = _with(primitive, name, np.clip(values, 0, 1))
    return primitive


def _mend_normals(primitive: Primitive, counts: Counts) -> Primitive:
    if "NORMAL" not in primitive.attributes:
        return primitive
    normals = primitive.attributes["NORMAL"]
    length = np.linalg.norm(normals, axis=1)
    lost, long = length < 1e-6, np.abs(length - 1) > 5e-3
    if not long.any():
        return primitive
    mended = unit(normals)
    if primitive.mode == TRIANGLES:
        mended = np.where(lost[:, None], vertex_normals(primitive), mended)
        counts["normals"] += int(lost.sum())
    counts["lengths"] += int((long & ~lost).sum())
    return _with(primitive, "NORMAL", mended)


def _drop_tangents(primitive: Primitive, counts: Counts) -> Primitive:
    if "TANGENT" not in primitive.attributes:
        return primitive
    counts["tangents"] += 1
    attributes = {name: array for name, array in primitive.attributes.items() if name != "TANGENT"}
    targets = tuple({name: array for name, array in each.items() if name != "TANGENT"} for each in primitive.targets)
    return replace(primitive, attributes=attributes, targets=targets)


def _mend_tangents(primitive: Primitive, counts: Counts) -> Primitive:
    if "TANGENT" not in primitive.attributes:
        return primitive
    if "NORMAL" not in primitive.attributes:
        return _drop_tangents(primitive, counts)
    normals, tangents = primitive.attributes["NORMAL"], primitive.attributes["TANGENT"]
    leaning = np.abs((normals * tangents[:, :3]).sum(axis=1)) > 1e-2
    bad = leaning | (np.abs(np.linalg.norm(tangents[:, :3], axis=1) - 1) > 5e-3) | (np.abs(tangents[:, 3]) != 1)
    if not bad.any():
        return primitive
    counts["lengths"] += int(bad.sum())
    return _with(primitive, "TANGENT", np.where(bad[:, None], square_to(normals, tangents), tangents))


def _weld(primitive: Primitive, counts: Counts) -> Primitive:
    used = used_rows(primitive.indices, len(primitive.positions))
    welded = weld(primitive)
    counts["unused"] += int((~used).sum())
    counts["welded"] += int(used.sum()) - len(welded.positions)
    return welded


def _drop_degenerate(primitive: Primitive, counts: Counts) -> Primitive:
    return _fewer(primitive, drop_degenerate(primitive), "degenerate", counts)


def _drop_duplicates(primitive: Primitive, counts: Counts) -> Primitive:
    return _fewer(primitive, drop_duplicates(primitive), "duplicate", counts)


def _fewer(before: Primitive, after: Primitive, name: str, counts: Counts) -> Primitive:
    counts[name] += before.triangles - after.triangles
    return after


def _with(primitive: Primitive, name: str, values: Array) -> Primitive:
    return replace(primitive, attributes={**primitive.attributes, name: np.ascontiguousarray(values, values.dtype)})
