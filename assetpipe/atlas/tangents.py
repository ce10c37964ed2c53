"""Placed meshes of one atlas -> the same with tangents on all of its primitives, or on none.

Viewers make tangents themselves from UVs and normals where a file has none (glTF 2.0, 3.7.2.1). Two of the gadget's
nine materials come with tangents, which its one primitive would have to carry everywhere: 229 of the 651 kB that its
three levels' shapes took.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Mesh, Primitive
from assetpipe.tangents import corner_tangents, with_tangents
from assetpipe.worn import Key

SAME = 1.0
"""Degrees that an author's tangents may differ, on average, from those that viewers make: exporters' own sums differ
by 0.01 to 0.7 on the samples."""
OTHER_SIDE = 0.001
"""Of the corners: a bitangent that points the other way is no rounding error."""


def agree_on_tangents(meshes: Sequence[Mesh], members: Container[Key], *, all_need_them: bool) -> tuple[Mesh, ...]:
    """Where one member has tangents of its own making, all get them, so that they can be one primitive; and where
    strengths of anisotropy became a map: without a normal map glTF takes one only with tangents."""
    own = [each for at, mesh in enumerate(meshes) for n, each in enumerate(mesh.primitives) if (at, n) in members]
    given = [each for each in own if "TANGENT" in each.attributes]
    if not given and not all_need_them:
        return tuple(meshes)
    change = _dressed if all_need_them or not all(map(_as_viewers_have_it, given)) else _bare
    return tuple(
        replace(
            mesh,
            primitives=tuple(change(each) if (at, n) in members else each for n, each in enumerate(mesh.primitives)),
        )
        for at, mesh in enumerate(meshes)
    )


def _dressed(primitive: Primitive) -> Primitive:
    lacking = "TANGENT" not in primitive.attributes and "NORMAL" in primitive.attributes
    return with_tangents(primitive) if lacking else primitive


def _bare(primitive: Primitive) -> Primitive:
    attributes = {name: values for name, values in primitive.attributes.items() if name != "TANGENT"}
    targets = tuple({name: values for name, values in each.items() if name != "TANGENT"} for each in primitive.targets)
    return replace(primitive, attributes=attributes, targets=targets)


def _as_viewers_have_it(primitive: Primitive) -> bool:
    if primitive.mode != TRIANGLES or not {"NORMAL", "TEXCOORD_0"} <= primitive.attributes.keys():
        return False
    attributes = primitive.attributes
    found = corner_tangents(primitive.indices, primitive.positions, attributes["NORMAL"], attributes["TEXCOORD_0"])
    own = attributes["TANGENT"][primitive.indices]
    along = (found[:, :3] * own[:, :3]).sum(axis=1, dtype=np.float64)
    degrees = np.degrees(np.arccos(np.clip(along, -1.0, 1.0)))
    other_side = float((found[:, 3] * own[:, 3] < 0).mean())
    return bool(degrees.mean() <= SAME and other_side <= OTHER_SIDE)
