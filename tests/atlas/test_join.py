"""The rules by which draw calls are joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Material, Node, Scene
from assetpipe.atlas.join import CROWD, join_draws
from assetpipe.transforms import drawn_triangles, placements, transform
from tests.shapes import box, scene, sphere


def placed(*nodes: Json, material: int = 0, **json: object) -> Scene:
    """Nodes at the root that show one of two meshes: a box and a sphere."""
    found = scene(box(material=material), materials=(Material({}), Material({"alphaMode": "BLEND"})), **json)
    mesh = found.meshes[0]
    document = {**found.json, "scenes": [{"nodes": list(range(len(nodes)))}]}
    meshes = (mesh, replace(mesh, primitives=(sphere(12, material=material),)))
    return replace(found, nodes=tuple(map(Node, nodes)), meshes=meshes, json=document)


def drawn(found: Scene) -> Array:
    """(n, 3, 6) positions and normals of all triangles in the world, in an order of their own."""
    parts = []
    for place in placements(found):
        for each in found.meshes[place.mesh].primitives:
            matrix = place.matrices[0]
            points = transform(matrix, each.positions)
            normals = each.attributes["NORMAL"] @ np.linalg.inv(matrix[:3, :3])
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            corners = each.indices.reshape(-1, 3)
            corners = corners[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else corners
            parts.append(np.concatenate([points, normals], axis=1)[corners])
    triangles = np.concatenate(parts)
    start = np.argmin((triangles[..., :3] * [1, 1000, 1000000]).round(3).sum(axis=2), axis=1)
    turned = np.stack(
        [np.take_along_axis(triangles, ((start + k) % 3)[:, None, None], axis=1)[:, 0] for k in range(3)], 1
    )
    return turned[np.lexsort(turned.round(4).reshape(len(turned), -1).T)]


TURNED: Json = {"mesh": 1, "rotation": [0, 0.6, 0, 0.8], "translation": [3, 1, 0], "scale": [1, 2, 0.5]}
MIRRORED: Json = {"mesh": 0, "scale": [-1, 1, 1], "translation": [0, 4, 0], "name": "left"}


def test_what_stands_still_is_drawn_at_once() -> None:
    """Every triangle is where it was, faces the way it did and has its normals: turned, stretched, mirrored."""
    source = placed({"mesh": 0}, TURNED, MIRRORED)
    joined = join_draws(source)
    assert [len(placements(joined.scene)), joined.saved] == [1, 2]
    assert drawn_triangles(joined.scene) == drawn_triangles(source) == joined.scene.triangles
    np.testing.assert_allclose(drawn(joined.scene), drawn(source), atol=1e-5)


def test_triangles_wind_as_their_normals_say() -> None:
    """A mirrored copy is not inside out."""
    (place,) = placements(join_draws(placed({"mesh": 0}, MIRRORED)).scene)
    triangles = drawn(join_draws(placed({"mesh": 0}, MIRRORED)).scene)
    a, b, c = (triangles[:, k, :3] for k in range(3))
    assert place.mesh == 2
    assert (np.einsum("nk,nk->n", np.cross(b - a, c - a), triangles[:, 0, 3:]) > 0).all()


def test_nodes_keep_their_names_and_numbers() -> None:
    """They lose their meshes alone: what is anchored to them stays anchored."""
    source = placed({"mesh": 0, "extras": {"part": 7}}, MIRRORED)
    found = join_draws(source).scene
    assert found.nodes[0].json == {"extras": {"part": 7}}
    assert found.nodes[1].json["name"] == "left"
    assert found.json["scenes"][0]["nodes"] == [0, 1, 2]


@pytest.mark.parametrize(
    "document",
    [
        {"animations": [{"channels": [{"target": {"node": 1, "path": "rotation"}, "sampler": 0}], "samplers": []}]},
        {"skins": [{"joints": [1]}]},
    ],
)
def test_what_moves_stays_on_its_node(document: Json) -> None:
    """Animated nodes and joints keep their meshes."""
    source = placed(
        {"mesh": 0}, {"mesh": 0, "translation": [3, 0, 0]}, {"mesh": 1, "translation": [0, 3, 0]}, **document
    )
    found = join_draws(source).scene
    assert [node.mesh for node in found.nodes] == [None, 0, None, 2]


def test_what_is_below_a_moving_node_stays_too() -> None:
    """Children go where their parents go."""
    animation = {"channels": [{"target": {"node": 0, "path": "scale"}, "sampler": 0}], "samplers": []}
    source = placed({"children": [1]}, {"mesh": 0}, {"mesh": 0, "translation": [3, 0, 0]}, animations=[animation])
    source = replace(source, json={**source.json, "scenes": [{"nodes": [0, 2]}]})
    assert join_draws(source).scene is source


def test_what_is_see_through_is_still_sorted_by_node() -> None:
    """BLEND is not joined."""
    source = placed({"mesh": 0}, {"mesh": 1, "translation": [3, 0, 0]}, material=1)
    assert join_draws(source).scene is source


def test_a_mesh_that_a_hundred_nodes_show_is_stored_once() -> None:
    """Draw calls are not saved at any price."""
    many = [{"mesh": 1, "translation": [at, 0, 0]} for at in range(100)]
    source = placed({"mesh": 0}, *many, {"mesh": 0, "translation": [0, 5, 0]})
    joined = join_draws(source)
    assert joined.saved == 1
    assert joined.scene.triangles < 2 * source.triangles


def test_a_crowd_is_stored_as_often_as_it_is_shown() -> None:
    """A plant's leaves: one mesh on hundreds of nodes, each a draw call and a matrix of 300 bytes."""
    crowd = [{"mesh": 1, "translation": [at, 0, 0], "name": f"leaf {at}"} for at in range(CROWD + 1)]
    source = placed({"mesh": 0}, *crowd, {"mesh": 1, "extras": {"price": 3}})
    joined = join_draws(source)
    assert len(placements(joined.scene)) == 1
    assert joined.scene.triangles == drawn_triangles(source)
    np.testing.assert_allclose(drawn(joined.scene), drawn(source), atol=1e-3)
    assert [node.json for node in joined.scene.nodes] == [{"extras": {"price": 3}}, {"mesh": 2, "name": "joined"}]
    assert joined.scene.json["scenes"] == [{"nodes": [0, 1]}]


def test_what_is_below_or_above_a_crowd_stays_where_it_is() -> None:
    crowd: list[Json] = [{"mesh": 0, "translation": [at, 0, 0]} for at in range(CROWD + 3)]
    crowd[1] = {**crowd[1], "children": [2, CROWD]}
    source = placed(*crowd, {"name": "hook", "translation": [0, 1, 0]}, {"name": "all", "children": [0, 1]})
    roots = [CROWD + 4, CROWD + 3, *range(3, CROWD), CROWD + 1, CROWD + 2]
    source = replace(source, json={**source.json, "scenes": [{"nodes": roots}]})
    joined = join_draws(source)
    np.testing.assert_allclose(drawn(joined.scene), drawn(source), atol=1e-3)
    stay = [{"translation": [1, 0, 0]}, {"name": "hook", "translation": [0, 1, 0]}, {"name": "all", "children": [0]}]
    assert [node.json for node in joined.scene.nodes[:-1]] == stay
    assert joined.scene.json["scenes"] == [{"nodes": [2, 1, 3]}]


def test_a_crowd_that_something_may_name_keeps_its_nodes() -> None:
    """A skin, an animation, an extension that is unknown here."""
    crowd = [{"mesh": 0, "translation": [at, 0, 0], "name": str(at)} for at in range(CROWD + 1)]
    source = placed(*crowd, extensions={"EXT_that_names_nodes": {"node": 7}})
    joined = join_draws(source)
    assert len(placements(joined.scene)) == 1
    assert [node.json.get("name") for node in joined.scene.nodes] == [*map(str, range(CROWD + 1)), "joined"]


def test_of_a_crowd_the_smallest_meshes_are_joined_until_it_is_none() -> None:
    """And none that would be stored too often."""
    few = [{"mesh": 1, "translation": [at, 0, 0]} for at in range(100)]
    many = [{"mesh": 0, "translation": [at, 3, 0]} for at in range(CROWD)]
    source = placed(*few, *many)
    assert [place.mesh for place in placements(join_draws(source).scene)] == [1] * 100 + [2]


def test_a_crowd_of_large_meshes_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assetpipe.atlas.join.MOST", 10_000)
    source = placed(*[{"mesh": 1, "translation": [at, 0, 0]} for at in range(CROWD + 1)])
    assert join_draws(source).scene is source


def test_part_of_a_mesh_may_stay() -> None:
    """Of a mesh with a clear part and a solid one, the solid part is joined."""
    source = placed({"mesh": 0}, {"mesh": 0, "translation": [3, 0, 0]})
    both = replace(source.meshes[0], primitives=(box(material=0), box(0.5, material=1)))
    source = replace(source, meshes=(both, *source.meshes[1:]))
    joined = join_draws(source)
    kept = [joined.scene.meshes[place.mesh].primitives for place in placements(joined.scene)]
    assert [[each.material for each in own] for own in kept] == [[1], [1], [0]]
    np.testing.assert_allclose(drawn(joined.scene), drawn(source), atol=1e-6)
