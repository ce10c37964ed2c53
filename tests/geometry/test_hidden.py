"""Hidden geometry: what goes, and what must stay."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import LINES, Json, Mesh, Node, Primitive
from assetpipe.config import load_config
from assetpipe.errors import ConfigError
from assetpipe.geometry import drawn_triangles, remove_hidden
from assetpipe.geometry.hidden import drop_unseen
from tests import shapes
from tests.geometry.nested import BALL, DOUBLE, GLASSES, ball, left, open_box, scene, turned
from tests.geometry.views import assert_looks_the_same


def test_a_ball_in_a_ball_goes_whole() -> None:
    """All of its triangles, its vertices with them; the count is that of the triangles drawn."""
    hidden = remove_hidden(scene((ball(), {}), (ball(0.5), {})))
    assert left(hidden.scene) == [BALL, 0]
    assert hidden.triangles == BALL
    assert hidden.scene.meshes[1].primitives == ()
    assert hidden.scene.repairs == (f'{BALL:,} triangles that nobody can see from outside removed (hidden = "remove")',)


def test_a_screw_in_a_cushion_goes_and_one_that_shows_stays() -> None:
    """Forty screws: those under the surface go to the last triangle, those that stick out are left whole."""
    screw = shapes.box(0.05)
    inside = [(screw, {"translation": [0.02 * at - 0.2, 0.1, 0.0]}) for at in range(20)]
    out = [
        (screw, {"translation": [0.0, 0.0, 1.0], "rotation": [0, 0, np.sin(at / 9), np.cos(at / 9)]})
        for at in range(20)
    ]
    hidden = remove_hidden(scene((ball(), {}), *inside, *out))
    assert left(hidden.scene)[1:21] == [0] * 20
    assert left(hidden.scene)[0] == BALL
    assert min(left(hidden.scene)[21:]) >= 10
    assert hidden.triangles == drawn_triangles(scene(*inside)) + 20 * 12 - sum(left(hidden.scene)[21:])


@pytest.mark.parametrize("name", GLASSES)
def test_what_can_be_looked_through_hides_nothing(name: str) -> None:
    """A glass ball keeps what is in it, but in an opaque ball the glass goes too."""
    glass = scene((ball(1.0, 0), {}), (ball(0.5), {}), materials=(GLASSES[name],))
    assert remove_hidden(glass).scene is glass
    covered = scene((ball(1.0), {}), (ball(0.5, 0), {}), materials=(GLASSES[name],))
    assert left(remove_hidden(covered).scene) == [BALL, 0]


def test_a_variant_of_glass_is_glass() -> None:
    """KHR_materials_variants: whoever picks the other material sees the inside."""
    mappings = {"extensions": {"KHR_materials_variants": {"mappings": [{"material": 1, "variants": [0]}]}}}
    outer = ball(1.0, 0)
    shown = scene((outer, {}), (ball(0.5), {}), materials=({}, GLASSES["blend"]))
    assert left(remove_hidden(shown).scene) == [BALL, 0]
    varied = replace(outer, json={**outer.json, **mappings})
    assert (
        left(remove_hidden(scene((varied, {}), (ball(0.5), {}), materials=({}, GLASSES["blend"]))).scene) == [BALL] * 2
    )


def test_a_shell_turned_inside_out_is_seen_through() -> None:
    """Its near side is culled, so its far side and what it holds are drawn; with both sides drawn it hides them."""
    for materials, rest in ((({},), BALL), ((DOUBLE,), 0)):
        hidden = remove_hidden(scene((turned(ball(1.0, 0)), {}), (ball(0.5), {}), materials=materials))
        assert left(hidden.scene) == [BALL, rest]


def test_a_wall_with_two_sides_blocks_both_ways() -> None:
    """A sheet under a sheet, as close as paper: from above the upper, from below the lower is seen; one in between
    goes, and a single sheet that faces away from the outside goes with it."""
    sheet = shapes.grid(4, 4)
    points = np.stack([sheet[0][:, 0], np.zeros(25), sheet[0][:, 1]], axis=-1)
    flat = shapes.primitive(points, np.tile([0.0, 1.0, 0.0], (25, 1)), sheet[0], sheet[1])
    box = shapes.box(3.0)
    kept = remove_hidden(scene((box, {}), (flat, {"translation": [-0.5, 2.0, -0.5]})))
    assert left(kept.scene) == [12, 32]
    gone = remove_hidden(scene((box, {}), (flat, {"translation": [-0.5, 0.0, -0.5]})))
    assert left(gone.scene) == [12, 0]


@pytest.mark.parametrize("scale", [[-1, 1, 1], [1, -1, 1], [-1, -1, -1], [-2, 1, 1]])
def test_a_mirrored_copy_hides_and_shows_what_it_should(scale: list[float]) -> None:
    """glTF: a negative determinant turns the winding, so a mirrored ball still faces outwards, and hides; mirrored
    inside out it does not."""
    mirrored = remove_hidden(scene((ball(), {"scale": scale}), (ball(0.5), {})))
    assert left(mirrored.scene) == [BALL, 0]
    inside_out = remove_hidden(scene((turned(ball()), {"scale": scale}), (ball(0.5), {})))
    assert left(inside_out.scene) == [BALL, BALL]


def test_a_mesh_stays_while_one_of_its_places_is_seen() -> None:
    """Two nodes, two instances of one node, two scenes: hidden in one place is not hidden."""
    small = Mesh((ball(0.3),))
    twice = scene((ball(), {}), (ball(0.3), {}))
    for nodes, rest in (([{}, {"translation": [3, 0, 0]}], BALL), ([{}, {"translation": [0.5, 0, 0]}], 0)):
        shared = (twice.nodes[0], *(Node({"mesh": 1, **node}) for node in nodes))
        made = replace(twice, nodes=shared, json={**twice.json, "scenes": [{"nodes": [0, 1, 2]}]})
        assert left(remove_hidden(made).scene) == [BALL, rest]
    for moved, rest in ((3.0, BALL), (0.5, 0)):
        array = np.array([[0, 0, 0], [moved, 0, 0]], np.float32)
        instanced = Node({"mesh": 1, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}})
        made = replace(twice, nodes=(twice.nodes[0], instanced), meshes=(twice.meshes[0], small), arrays=(array,))
        hidden = remove_hidden(made)
        assert left(hidden.scene) == [BALL, rest]
        assert hidden.triangles == 2 * (BALL - rest)
    alone = replace(twice, json={**twice.json, "scenes": [{"nodes": [0, 1]}, {"nodes": [1]}]})
    assert remove_hidden(alone).scene is alone


def test_a_node_outside_of_all_scenes_keeps_its_mesh() -> None:
    """A viewer may bring it in."""
    made = scene((ball(), {}), (ball(0.5), {}))
    spare = replace(made, nodes=(*made.nodes, Node({"mesh": 1})))
    assert remove_hidden(spare).scene is spare


ANIMATED: Json = {"samplers": [{"input": 0, "output": 0}]}


@pytest.mark.parametrize(
    "document",
    [
        {"animations": [{**ANIMATED, "channels": [{"sampler": 0, "target": {"node": 2, "path": "rotation"}}]}]},
        {
            "animations": [
                {
                    **ANIMATED,
                    "channels": [
                        {
                            "sampler": 0,
                            "target": {
                                "path": "pointer",
                                "extensions": {"KHR_animation_pointer": {"pointer": "/nodes/2/translation"}},
                            },
                        }
                    ],
                }
            ]
        },
        {"extensionsUsed": ["KHR_interactivity"]},
        {"skins": [{"joints": [2]}]},
    ],
)
@pytest.mark.parametrize("moving", [0, 1])
def test_what_moves_stays_and_hides_nothing(document: Json, moving: int) -> None:
    """Node 2, the parent of the shell or of what it holds, is animated, a joint, or driven by rules of an extension."""
    made = scene((ball(), {}), (ball(0.5), {}), **document)
    roots = [at for at in (0, 1) if at != moving]
    parent = Node({"children": [moving]})
    nested = replace(made, nodes=(*made.nodes, parent), json={**made.json, "scenes": [{"nodes": [*roots, 2]}]})
    assert remove_hidden(nested).scene is nested


def test_skinned_morphed_and_invisible_meshes_stay_and_hide_nothing() -> None:
    """In the shell's place and in that of what it holds."""
    morphed = replace(ball(0.5), targets=({"POSITION": np.ones_like(ball().positions)},))
    large = replace(ball(), targets=({"POSITION": np.zeros_like(ball().positions)},))
    joints = {"JOINTS_0": np.zeros((len(ball().positions), 4), np.uint16)}
    weights = {"WEIGHTS_0": np.tile(np.array([1, 0, 0, 0], np.float32), (len(ball().positions), 1))}
    skinned = {"skin": 0}
    unseen = {"extensions": {"KHR_node_visibility": {"visible": False}}}

    def bound(primitive: Primitive) -> Primitive:
        return replace(primitive, attributes={**primitive.attributes, **joints, **weights})

    pairs = [
        ((ball(), {}), (morphed, {})),
        ((large, {}), (ball(0.5), {})),
        ((ball(), {}), (bound(ball(0.5)), skinned)),
        ((bound(ball()), skinned), (ball(0.5), {})),
        ((ball(), {}), (ball(0.5), unseen)),
        ((ball(), unseen), (ball(0.5), {})),
    ]
    for pair in pairs:
        made = scene(*pair, skins=[{"joints": [2]}])
        made = replace(made, nodes=(*made.nodes, Node({})), json={**made.json, "scenes": [{"nodes": [0, 1, 2]}]})
        assert remove_hidden(made).scene is made


def test_lines_and_points_are_neither_removed_nor_in_the_way() -> None:
    """A dimension line inside a housing is somebody's wish."""
    lines = Primitive(LINES, np.array([0, 1], np.uint32), {"POSITION": np.array([[0, 0, 0], [0.1, 0, 0]], np.float32)})
    made = scene((ball(), {}), (lines, {}))
    assert remove_hidden(made).scene is made


def test_what_an_open_box_holds_stays() -> None:
    """Seen through the opening, down to a slot of a twentieth of the top; under a closed lid it goes."""
    content = (ball(0.3), {"translation": [0.1, -0.2, 0.0]})
    for lid in (0.0, 0.5, 0.95):
        made = scene((open_box(lid=lid), {}), content, materials=(DOUBLE,))
        assert left(remove_hidden(made).scene)[0] == 12
        assert left(remove_hidden(made).scene)[1] > BALL / 2
        assert_looks_the_same(made, remove_hidden(made).scene)
    assert left(remove_hidden(scene((open_box(), {}), content, materials=(DOUBLE,))).scene) == [12, 0]


def test_the_inside_of_a_drawer_goes_and_its_front_stays() -> None:
    """A housing with thick walls: of the inner box, whose faces look into the hollow, nothing is left."""
    hidden = remove_hidden(scene((shapes.box(1.0), {}), (turned(shapes.box(0.98)), {})))
    assert left(hidden.scene) == [12, 0]


def test_a_large_triangle_that_shows_a_corner_stays() -> None:
    """A quad of two triangles under a ball that leaves its tips free."""
    quad = shapes.primitive(
        np.array([[-1.2, 0, -1.2], [-1.2, 0, 1.2], [1.2, 0, -1.2], [1.2, 0, 1.2]]),
        np.tile([0.0, 1.0, 0.0], (4, 1)),
        np.zeros((4, 2)),
        np.array([0, 1, 2, 2, 1, 3]),
    )
    made = scene((shapes.sphere(48, 1.6), {}), (quad, {}))
    assert remove_hidden(made).scene is made  # 1.2 √2 is more than 1.6


def test_vertices_and_attributes_follow_their_triangles() -> None:
    """Half of a primitive goes: what is left are the same triangles with the same values at their corners."""
    whole, small = ball(), ball(0.4)
    both = shapes.primitive(
        np.concatenate([small.positions, whole.positions]),
        np.concatenate([small.attributes["NORMAL"], whole.attributes["NORMAL"]]),
        np.concatenate([small.attributes["TEXCOORD_0"], whole.attributes["TEXCOORD_0"]]),
        np.concatenate([small.indices, whole.indices + len(small.positions)]),
    )
    hidden = remove_hidden(shapes.scene(both))
    primitive = hidden.scene.meshes[0].primitives[0]
    for name, values in whole.attributes.items():
        np.testing.assert_array_equal(primitive.attributes[name][primitive.indices], values[whole.indices])
    assert len(primitive.positions) == len(np.unique(whole.indices))


def test_when_nothing_would_be_left_all_is_kept_and_said() -> None:
    """An empty asset helps nobody."""
    made = scene((ball(), {}), (ball(0.5), {}))
    kept = drop_unseen(made, {(at, 0): np.zeros(BALL, bool) for at in range(2)})
    assert (left(kept.scene), kept.triangles, kept.scene.repairs) == ([BALL, BALL], 0, ())
    assert kept.scene.warnings == (
        "every triangle seems hidden from outside, as if the surface were inside out: none removed",
    )


def test_a_scene_without_size_or_triangles_is_left_alone() -> None:
    """Scaled to nothing, or with nothing in it."""
    for made in (scene((ball(), {"scale": [0, 0, 0]})), scene((ball(), {"scale": [1, 1, 0]})), scene()):
        assert remove_hidden(made).scene is made


def test_a_wrong_word_is_refused_by_name(tmp_path: Path) -> None:
    """The message has file, key and value."""
    path = tmp_path / "shop.toml"
    path.write_text('[geometry]\nhidden = "drop"\n')
    with pytest.raises(ConfigError, match=re.escape("geometry.hidden = 'drop'")) as caught:
        load_config(path)
    assert "'keep' or 'remove'" in str(caught.value)


def test_a_build_tells_how_many_it_removed(tmp_path: Path) -> None:
    """In the manifest, in the log and in `inspect`; the levels have only what is seen."""
    made = scene((ball(), {}), (ball(0.5), {}))
    source = tmp_path / "nest.obj"
    source.write_text(_obj([mesh.primitives[0] for mesh in made.meshes]))
    config = tmp_path / "shop.toml"
    config.write_text('[geometry]\nhidden = "remove"\n')
    said: list[str] = []
    assetpipe.build(source, out=tmp_path, config=config, report=lambda event: said.append(event.message))
    manifest = json.loads((tmp_path / "nest" / "manifest.json").read_text())
    assert manifest["source"]["triangles"] == 2 * BALL
    assert f'{BALL:,} triangles that nobody can see from outside removed (hidden = "remove")' in manifest["repairs"]
    assert "looking for hidden geometry" in said
    assert any("nobody can see" in sentence for sentence in said)
    assert max(level["triangles"] for level in manifest["levels"]) <= BALL
    assert assetpipe.inspect(source, config=config).hidden_triangles == BALL
    assert assetpipe.inspect(source).hidden_triangles is None


def _obj(parts: list[Primitive]) -> str:
    lines, start = [], 1
    for part in parts:
        lines += [f"v {x} {y} {z}" for x, y, z in part.positions.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (part.indices.reshape(-1, 3).astype(int) + start).tolist()]
        start += len(part.positions)
    return "\n".join(lines) + "\n"
