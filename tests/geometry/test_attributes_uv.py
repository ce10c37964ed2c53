"""Every UV set that a material looks up: no triangle flips in any of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Primitive, Scene
from assetpipe.geometry import decimate
from assetpipe.geometry.join import join
from assetpipe.geometry.surface import Target
from assetpipe.geometry.welding import map_vertices, weld
from tests import shapes

BAKED = Material(
    {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "occlusionTexture": {"index": 1, "texCoord": 1}}
)


def rough_torus(segments: int = 96) -> Primitive:
    """Waves all over, so that positions alone would let many triangles slip over one another in a texture."""
    torus = shapes.torus(segments, material=0)
    at = torus.positions.astype(float)
    waves = np.sin(31 * at[:, 0]) * np.sin(29 * at[:, 1] + 1) * np.sin(37 * at[:, 2])
    positions = np.round(at + 0.02 * waves[:, None] * torus.attributes["NORMAL"], 6).astype(np.float32)
    return replace(torus, attributes={**torus.attributes, "POSITION": positions})


def with_lightmap(primitive: Primitive) -> Primitive:
    """A second UV set: triangles laid flat along the axis that they face, six charts, all the right way round."""
    loose = map_vertices(primitive, lambda array: array[primitive.indices])
    corners = loose.positions.reshape(-1, 3, 3).astype(float)
    along = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(along).argmax(axis=1)
    side = np.sign(along[np.arange(len(along)), axis])
    first, second = ((axis + step) % 3 for step in (1, 2))
    u = np.take_along_axis(corners, first[:, None, None], axis=2)[:, :, 0] * side[:, None]
    v = np.take_along_axis(corners, second[:, None, None], axis=2)[:, :, 0]
    chart = axis + 3 * (side > 0)
    uvs = np.stack([(u + 1.5) / 3 + chart[:, None] % 3, (v + 1.5) / 3 + chart[:, None] // 3], axis=2) / [3, 2]
    lightmap = np.ascontiguousarray(uvs.reshape(-1, 2).round(6), np.float32)
    indices = np.arange(len(lightmap), dtype=np.uint32)
    return weld(replace(loose, attributes={**loose.attributes, "TEXCOORD_1": lightmap}, indices=indices))


def areas(primitive: Primitive, name: str) -> Array:
    """(f,) signed, in texture space."""
    a, b, c = (primitive.attributes[name][primitive.indices[at::3]].astype(float) for at in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


@pytest.fixture(scope="module")
def scene() -> Scene:
    return shapes.scene(with_lightmap(rough_torus()), materials=(BAKED,))


@pytest.mark.parametrize("triangles", [3000, 1500])
def test_no_triangle_flips_in_any_uv_set(scene: Scene, triangles: int) -> None:
    """A lightmap whose seams are not those of the first set. (Guarding the first set alone: five of 3,000 flip.)"""
    source = scene.meshes[0].primitives[0]
    made = decimate(scene, [Target(triangles, 0.0)])[0].scene.meshes[0].primitives[0]
    assert made.triangles <= triangles
    for name in ("TEXCOORD_0", "TEXCOORD_1"):
        side = np.sign(areas(source, name).sum())
        assert (side * areas(source, name) > 0).all()
        assert (side * areas(made, name) > 0).all()


def test_what_is_not_a_texture_does_not_hold_the_surface_back() -> None:
    """The first columns of a surface without UVs are normals or colours: those may turn over."""
    bare = shapes.sphere(16)
    bare = replace(bare, attributes={name: bare.attributes[name] for name in ("POSITION", "NORMAL")})
    joined = join(shapes.scene(bare))
    assert joined
    assert (joined.surface.uv_sets, joined.surface.attributes.shape[1]) == (0, 3)
    textured = join(shapes.scene(with_lightmap(rough_torus(16)), materials=(BAKED,)))
    assert textured
    assert textured.surface.uv_sets == 2
