"""Ambient occlusion on request: what casts it, and on what it falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Deviation, Json, Mesh, Node
from assetpipe.baking import Occlusion
from assetpipe.geometry import Decimated
from assetpipe.rebaking import AskedOcclusion, occlude
from assetpipe.textures import TextureCache
from tests import shapes
from tests.rebaking.skies import GREY, RADIUS, assert_ball_is_there, ball, floor, occluded, still


@pytest.mark.parametrize(
    "glass",
    [
        {"alphaMode": "BLEND"},
        {"alphaMode": "MASK"},
        {"extensions": {"KHR_materials_transmission": {"transmissionFactor": 1.0}}},
    ],
)
def test_what_is_seen_through_neither_casts_nor_gets_a_map(glass: Json) -> None:
    """A floor under a ball of glass has nothing above it."""
    source = still(floor(), ball(), materials=[GREY, {"name": "glass", **glass}])
    found = occluded(source)
    assert found.scene is source
    assert found.notes == (
        "grey: no ambient occlusion baked, for nothing shades it",
        "glass: no ambient occlusion baked, for it is seen through",
    )


def test_what_no_light_falls_on_casts_and_gets_no_map() -> None:
    """KHR_materials_unlit shows its colour as it is."""
    unlit = {"name": "sign", "extensions": {"KHR_materials_unlit": {}}}
    found = occluded(still(floor(), ball(), materials=[GREY, unlit]))
    assert_ball_is_there(found.scene)
    assert found.scene.materials[1].json == unlit
    assert "sign: no ambient occlusion baked, for no light falls on it" in found.notes


def test_of_a_mesh_that_is_placed_twice_the_first_place_counts() -> None:
    """A second floor elsewhere, with nothing on it: the shade is that of the first. A ball on the second alone leaves
    both light."""
    source = still(floor(), ball())
    again = Node({"mesh": 0, "translation": [0, 20, 0]})
    both = replace(source, nodes=(*source.nodes, again), json={**source.json, "scenes": [{"nodes": [0, 1, 2]}]})
    assert_ball_is_there(occluded(both).scene)
    turned = replace(both, json={**both.json, "scenes": [{"nodes": [2, 1, 0]}]})
    assert "occlusionTexture" not in occluded(turned, reach=0.01).scene.materials[0].json


def test_instances_of_a_mesh_all_cast() -> None:
    """EXT_mesh_gpu_instancing: the ball's second copy is the one on the floor."""
    source = still(floor(), ball())
    places = np.array([[0, 9, 0], [0, RADIUS, 0]], np.float32)
    copies = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    placed = replace(source, nodes=(source.nodes[0], Node({"mesh": 1, "extensions": copies})), arrays=(places,))
    assert_ball_is_there(occluded(placed).scene)


def test_mirrored_and_stretched_nodes_cast_where_they_stand() -> None:
    """Scaled by -1 along x and by other numbers along y, under a node that undoes it for the ball's shape alone."""
    source = still(floor(), ball())
    squashed = Mesh((replace(ball(), attributes={**ball().attributes, "POSITION": ball().positions * [-1, 4, 1]}),))
    source = replace(source, meshes=(source.meshes[0], squashed))
    nodes = (
        Node({"mesh": 0, "scale": [-1, 1, 1]}),
        Node({"mesh": 1, "scale": [-1, 0.25, 1], "translation": [0, RADIUS, 0]}),
    )
    assert_ball_is_there(occluded(replace(source, nodes=nodes)).scene)


def test_joints_and_morph_targets_place_what_casts() -> None:
    """A ball that its joint lifts onto the floor, and one that its default weight does."""
    count, source = len(ball().positions), still(floor(), ball())
    weights = np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1))
    bound: dict[str, Array] = {"JOINTS_0": np.zeros((count, 4), np.uint16), "WEIGHTS_0": weights}
    skinned = Mesh((replace(ball(), attributes={**ball().attributes, **bound}),))
    nodes = (source.nodes[0], Node({"mesh": 1, "skin": 0}), Node({"translation": [0, RADIUS, 0]}))
    json = {**source.json, "skins": [{"joints": [2]}], "scenes": [{"nodes": [0, 1, 2]}]}
    assert_ball_is_there(occluded(replace(source, meshes=(source.meshes[0], skinned), nodes=nodes, json=json)).scene)
    lift = np.tile(np.array([0, 2 * RADIUS, 0], np.float32), (count, 1))
    morphed = Mesh((replace(ball(), targets=({"POSITION": lift},)),), {"weights": [0.5]})
    nodes = (source.nodes[0], Node({"mesh": 1}))
    assert_ball_is_there(occluded(replace(source, meshes=(source.meshes[0], morphed), nodes=nodes)).scene)


def test_a_coarse_level_gets_the_shade_of_its_source() -> None:
    """Two triangles in place of a thousand, half a centimetre off, over a ball of twelve hundred: the shade of all."""
    source, low = still(floor(cells=24), ball()), floor(cells=1)
    low = replace(low, attributes={**low.attributes, "POSITION": low.positions + np.array([0, 0.005, 0], np.float32)})
    level = replace(source, meshes=(Mesh((low,)), Mesh((shapes.sphere(12, RADIUS, 1),))))
    asked = AskedOcclusion([256], [2.0 / 1024], "cpu", Occlusion(reach=1e4))
    (found,) = occlude(source, [Decimated(level, 0.0, (), Deviation(0.01, 0.005), torn=False)], asked, TextureCache())
    assert_ball_is_there(found.scene)


def test_hostile_sources_are_got_through() -> None:
    """No normals, triangles without area, vertices that nobody uses, a matrix that is no number, a mesh that no node
    shows, a node that is flat, nothing at all: the floor is shaded as ever where there is one."""
    ragged = ball()
    corners = np.concatenate([ragged.indices, np.array([0, 0, 0, 1, 1, 2], np.uint32)])
    ragged = replace(ragged, indices=corners, attributes={"POSITION": ragged.positions})
    source = still(floor(), ragged)
    unshown, flat = Mesh((ball(),)), Node({"mesh": 1, "scale": [0, 0, 0]})
    lost = Node({"mesh": 1, "matrix": [float("nan")] * 16})
    source = replace(
        source,
        meshes=(*source.meshes, unshown),
        nodes=(*source.nodes, lost, flat),
        json={**source.json, "scenes": [{"nodes": [0, 1, 2, 3]}]},
    )
    assert_ball_is_there(occluded(source).scene)
    empty = still(replace(floor(), indices=np.zeros(0, np.uint32)))
    assert occluded(empty).scene is empty


def test_arrays_are_not_written_into_and_bytes_repeat() -> None:
    """Values are never mutated; the same again is the same picture."""
    source = still(floor(tiles=3.0), ball())
    before = {name: values.copy() for name, values in source.meshes[0].primitives[0].attributes.items()}
    one, other = occluded(source).scene, occluded(source).scene
    assert [bytes(image.data) for image in one.images] == [bytes(image.data) for image in other.images]
    for name, values in before.items():
        np.testing.assert_array_equal(source.meshes[0].primitives[0].attributes[name], values)
    assert "occlusionTexture" not in source.materials[0].json
