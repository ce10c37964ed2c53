"""The rule by which vectors in maps stay what they are, however charts come to lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Material, Primitive, Scene
from assetpipe.atlas import merge
from assetpipe.container import prune
from assetpipe.tangents import corner_tangents
from tests.atlas.looks import FINE, looks, pictures, quad, scene, settings, spots, square, texels
from tests.atlas.merging import noise, painted
from tests.textures.pictures import bumps, cloth, png

WHOLE = square(0.1, 0.1, 0.9, 0.9)
TURNED = {"rotation": 0.7, "scale": [0.8, 0.8]}
MIRRORED = {"scale": [-1, 1], "offset": [1, 0]}


def shown(found: Scene, primitive: Primitive, faces: slice) -> Array:
    """(n, 3) normals in space, along the tangents that viewers make of the UVs that the normal map is read with."""
    info: Json = found.materials[primitive.json["material"]].json["normalTexture"]
    own = replace(primitive, indices=primitive.indices.reshape(-1, 3)[faces].reshape(-1))
    corners, weights = where = spots(own, 80)
    uvs = own.attributes[f"TEXCOORD_{info.get('texCoord', 0)}"]
    tangent = corner_tangents(own.indices, own.positions, own.attributes["NORMAL"], uvs)[0].astype(float)
    normal = np.array([0.0, 0.0, 1.0])
    vector = texels(found, info, own, where, colour=False)[:, :3] * 2 - 1
    across = np.cross(normal, tangent[:3]) * tangent[3]
    assert len(corners) == len(weights) == len(vector)
    turned: Array = vector[:, :1] * tangent[:3] + vector[:, 1:2] * across + vector[:, 2:] * normal
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


@pytest.mark.parametrize("transform", [TURNED, MIRRORED])
@pytest.mark.parametrize("second", [False, True])
def test_bumps_stay_where_a_finer_map_lies_turned_or_mirrored(transform: Json, second: bool) -> None:
    """The colour's map is four times finer than the normals', and turned or mirrored against it, by its transform or in
    a set of UVs of its own: the atlas lies as the normals do, for viewers make tangents of its UVs."""
    info: Json = {"index": 0, "texCoord": 1} if second else {"index": 0}
    more: dict[str, Array] = {}
    if second:
        more = {
            "TEXCOORD_1": np.ascontiguousarray(
                WHOLE[:, ::-1] if transform == TURNED else WHOLE * [-1, 1] + [1, 0], np.float32
            )
        }
    else:
        info["extensions"] = {"KHR_texture_transform": transform}
    bumpy = Material({"pbrMetallicRoughness": {"baseColorTexture": info}, "normalTexture": {"index": 1}})
    source = scene(
        [quad(WHOLE, 0, **more), quad(WHOLE, 1, at=2)], [bumpy, painted(2)], [noise(256), png(bumps(64)), noise(64)]
    )
    result = prune(merge(source, settings(), FINE, pictures()).scene)
    (primitive,) = result.meshes[0].primitives
    before = shown(source, source.meshes[0].primitives[0], slice(None))
    after = shown(result, primitive, slice(0, 2))
    assert np.degrees(np.arccos(np.clip((before * after).sum(axis=1), -1, 1))).mean() < 2.0


def test_vectors_that_no_one_plane_serves_keep_their_material() -> None:
    """Bumps of the coat lie mirrored against those below it."""
    both = {
        "normalTexture": {"index": 0},
        "extensions": {
            "KHR_materials_clearcoat": {
                "clearcoatFactor": 1,
                "clearcoatNormalTexture": {"index": 0, "extensions": {"KHR_texture_transform": MIRRORED}},
            }
        },
    }
    parts = [quad(WHOLE, 0), quad(WHOLE, 1, at=2), quad(WHOLE, 2, at=4)]
    source = scene(parts, [Material({"name": "coated", **both}), painted(1), painted(1)], [png(bumps(64)), noise(64)])
    found = merge(source, settings(), FINE, pictures())
    assert any("follow tangents of different UVs: coated" in note for note in found.notes)
    assert len(found.scene.meshes[0].primitives) == 2


def folded(second: Array, **slots: Json) -> tuple[Scene, Primitive]:
    """A part whose two halves share the first picture, mirrored along a line of vertices, and each have their own share
    of the second one, by UVs of their own; and a plain part beside it."""
    columns = np.array([0.0, 0.5, 1.0])
    points = np.array([(x, y, 0) for y in (0, 1) for x in columns], np.float32)
    uvs = np.array([(1 - abs(2 * x - 1), 1 - y) for y in (0, 1) for x in columns])
    corners = np.array([(0, 1, 3), (3, 1, 4), (1, 2, 4), (4, 2, 5)], np.uint32).reshape(-1)
    attributes = {
        "POSITION": points,
        "NORMAL": np.tile(np.float32([0, 0, 1]), (6, 1)),
        "TEXCOORD_0": (0.1 + 0.8 * uvs).astype(np.float32),
        "TEXCOORD_1": second.astype(np.float32),
    }
    part = Primitive(4, corners, attributes, json={"material": 0})
    material = Material({"name": "mirrored", "occlusionTexture": {"index": 1, "texCoord": 1}, **slots})
    return scene(
        [part, quad(WHOLE, 1, at=2)],
        [material, painted(2)],
        [png(cloth(64)), png(cloth(64, seed=2)[::-1].copy()), noise(64)],
    ), part


SECOND = np.array([(x, 1 - y) for y in (0, 1) for x in (0.1, 0.5, 0.9)])


def test_halves_that_share_a_colour_keep_occlusion_of_their_own() -> None:
    """The atlas lies as the set of UVs does in which nothing lies on itself."""
    source, _ = folded(SECOND, pbrMetallicRoughness={"baseColorTexture": {"index": 0}})
    result = prune(merge(source, settings(), FINE, pictures()).scene)
    assert len(result.meshes[0].primitives) == 1
    before, after = looks(source), looks(result)
    np.testing.assert_allclose(after["occlusion"], before["occlusion"], atol=0.03)


def thread(turns: int = 3, steps: int = 16) -> Primitive:
    """A ramp that winds up; the first UVs see it from above, where each turn lies on the one below and none is
    mirrored, the second ones unrolled."""
    along, across = (each.reshape(-1) for each in np.meshgrid(np.linspace(0, 1, turns * steps + 1), [0.0, 1.0]))
    angle, radius = along * turns * 2 * np.pi, 0.2 + 0.1 * across
    points = np.stack([radius * np.cos(angle), along, radius * np.sin(angle)], axis=1).astype(np.float32)
    row = turns * steps + 1
    a = np.arange(row - 1)
    corners = np.stack([a, a + row, a + 1, a + 1, a + row, a + row + 1], axis=1).astype(np.uint32).reshape(-1)
    attributes = {
        "POSITION": points,
        "NORMAL": np.tile(np.float32([0, 1, 0]), (len(points), 1)),
        "TEXCOORD_0": (0.5 + points[:, [0, 2]]).astype(np.float32),
        "TEXCOORD_1": np.stack([0.02 + 0.96 * along, 0.1 + 0.8 * across], axis=1).astype(np.float32),
    }
    return Primitive(4, corners, attributes, json={"material": 0})


def test_turns_that_share_a_colour_keep_occlusion_of_their_own() -> None:
    """What lies on itself without being mirrored does too."""
    material = Material(
        {
            "occlusionTexture": {"index": 1, "texCoord": 1},
            "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
        }
    )
    parts, images = [thread(), quad(WHOLE, 1, at=2)], [png(cloth(64)), png(cloth(64, seed=2)), noise(64)]
    source = scene(parts, [material, painted(2)], images)
    result = prune(merge(source, settings(), FINE, pictures()).scene)
    assert len(result.meshes[0].primitives) == 1
    before, after = looks(source), looks(result)
    np.testing.assert_allclose(after["occlusion"], before["occlusion"], atol=0.03)


def test_halves_that_share_vectors_and_not_the_rest_keep_their_material() -> None:
    """No one plane serves both, and the note says so, also where all is to be merged."""
    source, part = folded(SECOND, normalTexture={"index": 0})
    found = merge(source, settings(), FINE, pictures())
    assert any(
        note.startswith("mirrored keeps its own maps: in one set of UVs its halves share") for note in found.notes
    )
    kept = found.scene.meshes[0].primitives[0]
    np.testing.assert_array_equal(kept.attributes["TEXCOORD_1"], part.attributes["TEXCOORD_1"])
