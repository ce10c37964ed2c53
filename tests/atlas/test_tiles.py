"""The rules by which what tiles is cut, so that all of it shares one tile of an atlas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Primitive, Scene
from assetpipe.atlas import merge
from assetpipe.atlas.tiles import cut_tiles
from assetpipe.container import prune
from tests.atlas.looks import FINE, pictures, quad, scene, settings, square
from tests.atlas.merging import assert_alike, noise, painted
from tests.textures.pictures import cloth, png


def tube(around: float, along: float, sides: int = 24) -> Primitive:
    """A tube whose picture goes around it so many times, and along it; open at both ends, with a seam."""
    angle, height = np.meshgrid(np.linspace(0, 2 * math.pi, sides + 1), np.linspace(0, 1, 4), indexing="ij")
    out = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1).reshape(-1, 3)
    points = out + height.reshape(-1, 1) * [0, 0, 1]
    # The last column is the first one again, to the bit.
    points = points.reshape(sides + 1, 4, 3)
    points[-1] = points[0]
    uvs = np.stack([angle / (2 * math.pi) * around + 0.3, height * along - 0.7], axis=-1)
    at = np.arange(sides * 4).reshape(sides, 4)[:, :3].reshape(-1, 1)
    corners = np.concatenate([at + np.array(own) for own in ([0, 4, 5], [0, 5, 1])])
    return shape(points.reshape(-1, 3), out, uvs.reshape(-1, 2), corners, 0)


def shape(points: Array, normals: Array, uvs: Array, corners: Array, material: int) -> Primitive:
    named = {"POSITION": points, "NORMAL": normals, "TEXCOORD_0": uvs}
    attributes = {name: np.ascontiguousarray(values, np.float32) for name, values in named.items()}
    return Primitive(4, corners.reshape(-1).astype(np.uint32), attributes, json={"material": material})


def tubes(around: float, along: float) -> Scene:
    """One that tiles, its end cap of another material."""
    return scene(
        [tube(around, along), quad(square(0.1, 0.1, 0.9, 0.9), 1, at=5)],
        [painted(0), painted(1)],
        [png(cloth(120)), noise(64, seed=2)],
    )


def corners_of(primitive: Primitive, name: str) -> Array:
    """(t, 3, components)"""
    return primitive.attributes[name][primitive.indices].reshape(len(primitive.indices) // 3, 3, -1)


def area(primitive: Primitive) -> float:
    a, b, c = np.moveaxis(corners_of(primitive, "POSITION").astype(np.float64), 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def open_edges(primitives: tuple[Primitive, ...]) -> set[tuple[bytes, ...]]:
    """Edges, as the positions of their ends, that only one triangle has."""
    count: dict[tuple[bytes, ...], int] = {}
    for each in primitives:
        for corners in corners_of(each, "POSITION"):
            ends = [(point + np.float32(0)).tobytes() for point in corners]
            for at in range(3):
                edge = tuple(sorted([ends[at], ends[at - 1]]))
                count[edge] = count.get(edge, 0) + 1
    return {edge for edge, times in count.items() if times == 1}


def test_each_part_lies_in_one_tile_and_none_of_the_surface_is_lost() -> None:
    """Triangles end at the borders; area, normals' length and the rule of which side is out stay."""
    source = tubes(3.5, 2.2)
    cut = cut_tiles(source, [(0,), (1,)], pictures())
    assert cut.members == {(0,)}
    before, after = source.meshes[0].primitives[0], cut.scene.meshes[0].primitives[0]
    uvs = corners_of(after, "TEXCOORD_0").astype(np.float64)
    tile = np.floor(uvs.mean(axis=1, keepdims=True))
    assert (uvs >= tile - 1e-5).all()
    assert (uvs <= tile + 1 + 1e-5).all()
    assert area(after) == pytest.approx(area(before), rel=1e-5)
    np.testing.assert_allclose(np.linalg.norm(after.attributes["NORMAL"], axis=1), 1, atol=1e-5)
    a, b, c = np.moveaxis(corners_of(after, "POSITION").astype(np.float64), 1, 0)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), corners_of(after, "NORMAL").mean(axis=1)) > 0).all()


def test_no_vertex_comes_to_lie_on_a_whole_edge() -> None:
    """Also across the tube's seam, and where another material goes on: what was closed is closed."""
    source = tubes(3.5, 2.2)
    first = source.meshes[0].primitives[0]
    rim = first.positions[first.positions[:, 2] == 0][:24]
    fan = np.array([[at, 24, (at + 1) % 24] for at in range(24)])
    points = np.concatenate([rim, np.zeros((1, 3), np.float32)])
    lid = shape(points, np.tile([0, 0, -1], (25, 1)), points[:, :2] * 0.2 + 0.5, fan, 1)
    source = replace(source, meshes=(replace(source.meshes[0], primitives=(first, lid)),))
    primitives = cut_tiles(source, [(0,), (1,)], pictures()).scene.meshes[0].primitives
    assert len(open_edges(source.meshes[0].primitives)) == 24  # its upper end
    assert primitives[1].triangles > 24
    ends = {end for edge in open_edges(primitives) for end in edge}
    heights = {float(np.frombuffer(end, np.float32)[2]) for end in ends}
    assert heights == {1.0}


def test_what_tiles_takes_one_tile_and_looks_the_same() -> None:
    """Its texels are the map's own, also where a lookup reaches beyond the border: there the tile goes on."""
    source = tubes(3.5, 2.2)
    found = merge(source, settings(), FINE, pictures())
    result = prune(found.scene)
    assert len(result.materials) == 1
    sheet = pictures().decode(result.images[0])
    assert sheet.shape[0] * sheet.shape[1] <= 256 * 256  # unrolled it would be 420 x 264 alone
    assert any("cut along the tiles of their maps" in note for note in found.notes)
    tiled = cut_tiles(source, [(0,), (1,)], pictures()).scene
    assert_alike(tiled, result, 1e-5)


def test_too_many_tiles_are_left_whole() -> None:
    """Seams are what decimation must keep: fine cloth goes on tiling or is unrolled."""
    assert not cut_tiles(tubes(40, 30), [(0,), (1,)], pictures()).members
    assert not cut_tiles(tubes(0.6, 0.9), [(0,), (1,)], pictures()).members


def test_what_bends_is_left_whole() -> None:
    """A new corner would need joints of its own."""
    source = tubes(3.5, 2.2)
    first, other = source.meshes[0].primitives
    joints = {"JOINTS_0": np.zeros((len(first.positions), 4), np.uint8)}
    skinned = replace(first, attributes={**first.attributes, **joints})
    source = replace(source, meshes=(replace(source.meshes[0], primitives=(skinned, other)),))
    assert not cut_tiles(source, [(0,), (1,)], pictures()).members


def test_what_finds_no_place_is_not_cut() -> None:
    """Where nothing is merged the scene is the one that came."""
    source = tubes(3.5, 2.2)
    apart = replace(source.materials[1], json={**source.materials[1].json, "doubleSided": True})
    found = merge(replace(source, materials=(source.materials[0], apart)), settings(), FINE, pictures())
    assert found.scene.triangles == source.triangles
