"""Nodes, skins, animations and what passes through untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sources.build import Build, quad, read, refusal


@pytest.mark.parametrize(
    ("nodes", "code", "said"),
    [
        ([{"mesh": 0}, {"children": [2]}, {"children": [1]}], "E_NODE_CYCLE", "→"),
        ([{"mesh": 0}, {"children": [1]}], "E_NODE_CYCLE", "1 → 1"),
        ([{"mesh": 0}, {"children": [2]}, {"children": [3]}, {"children": [1]}], "E_NODE_CYCLE", "→"),
        ([{"children": [2]}, {"children": [2]}, {"mesh": 0}], "E_NODE_PARENT", "node 0 and of node 1"),
        ([{"mesh": 0}, {"children": [0]}], "E_NODE_PARENT", "root"),
        ([{"mesh": 0, "children": [7]}], "E_REFERENCE", "/nodes/0/children/0: 7, but there are 1 nodes"),
        ([{"mesh": 1}], "E_REFERENCE", "/nodes/0/mesh"),
        ([{"mesh": 0, "skin": 0}], "E_REFERENCE", "/nodes/0/skin"),
        ([{"mesh": 0, "camera": 0}], "E_REFERENCE", "/nodes/0/camera"),
        ([{"mesh": 0, "children": [1, 1]}, {}], "E_SCHEMA", "twice"),
        ([{"mesh": 0, "matrix": [1] * 15}], "E_SCHEMA", "/nodes/0/matrix"),
        ([{"mesh": 0, "scale": [1, 1, "x"]}], "E_SCHEMA", "/nodes/0/scale/2"),
        (
            [{"mesh": 0, "extensions": {"KHR_lights_punctual": {"light": 0}}}],
            "E_REFERENCE",
            "/nodes/0/extensions/KHR_lights_punctual/light",
        ),
    ],
)
def test_a_broken_tree_is_refused_at_its_place(
    tmp_path: Path, nodes: list[dict[str, Any]], code: str, said: str
) -> None:
    error = refusal(tmp_path, quad(nodes=nodes))
    assert error.code == code
    assert said in error.message


def test_a_chain_of_20_000_nodes_is_refused_without_running_out_of_stack(tmp_path: Path) -> None:
    nodes: list[dict[str, Any]] = [{"children": [i + 1]} for i in range(20_000)]
    error = refusal(tmp_path, quad(nodes=[*nodes, {"mesh": 0}]))
    assert error.code == "E_LIMIT_NODE_DEPTH"


def test_a_cycle_of_20_000_nodes_is_named_in_one_line(tmp_path: Path) -> None:
    nodes: list[dict[str, Any]] = [{"mesh": 0}, *({"children": [i + 2]} for i in range(20_000)), {"children": [1]}]
    error = refusal(tmp_path, quad(nodes=nodes))
    assert error.code == "E_NODE_CYCLE"
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"scene": 3}, "/scene"),
        ({"scenes": [{"nodes": [5]}]}, "/scenes/0/nodes/0"),
        ({"textures": [{"source": 0}]}, "/textures/0/source"),
        ({"textures": [{"sampler": 0}]}, "/textures/0/sampler"),
        ({"materials": [{"normalTexture": {"index": 0}}]}, "/materials/0/normalTexture/index"),
        (
            {"materials": [{"extensions": {"KHR_materials_clearcoat": {"clearcoatTexture": {"index": 4}}}}]},
            "/materials/0/extensions/KHR_materials_clearcoat/clearcoatTexture/index",
        ),
        (
            {"materials": [{"extensions": {"ACME_paint": {"flakeTexture": {"index": 4}}}}]},
            "/materials/0/extensions/ACME_paint/flakeTexture/index",
        ),
        (
            {"materials": [{"extensions": {"ACME_paint": {"layers": {"top": {"flakeTexture": {"index": 4}}}}}}]},
            "/materials/0/extensions/ACME_paint/layers/top/flakeTexture/index",
        ),
        ({"skins": [{"joints": [9]}]}, "/skins/0/joints/0"),
        ({"skins": [{"joints": [0], "skeleton": 9}]}, "/skins/0/skeleton"),
        ({"animations": [{"channels": [{"sampler": 1, "target": {"path": "scale"}}], "samplers": []}]}, "channels/0"),
        (
            {"animations": [{"channels": [], "samplers": [{"input": 8, "output": 0}]}]},
            "/animations/0/samplers/0/input",
        ),
    ],
)
def test_every_reference_is_checked(tmp_path: Path, document: dict[str, Any], place: str) -> None:
    error = refusal(tmp_path, quad(**document))
    assert error.code == "E_REFERENCE"
    assert place in error.message


def test_variants_point_at_materials_and_names_that_exist(tmp_path: Path) -> None:
    variants = {"KHR_materials_variants": {"variants": [{"name": "red"}]}}
    build = quad(materials=[{}], extensions=variants, extensionsUsed=["KHR_materials_variants"])
    mapping = {"mappings": [{"material": 0, "variants": [0]}]}
    build.json["meshes"][0]["primitives"][0]["extensions"] = {"KHR_materials_variants": mapping}
    scene = read(tmp_path, build)
    assert scene.meshes[0].primitives[0].json["extensions"]["KHR_materials_variants"] == mapping
    assert scene.json["extensions"] == variants
    mapping["mappings"][0]["variants"] = [1]
    assert refusal(tmp_path, build).code == "E_REFERENCE"


def test_empty_arrays_are_dropped_with_a_note(tmp_path: Path) -> None:
    scene = read(tmp_path, quad(textures=[], samplers=[], nodes=[{"mesh": 0, "children": []}]))
    assert scene.nodes[0].json == {"mesh": 0}
    assert "textures" not in scene.json


def test_numbers_out_of_range_are_clamped_and_noted(tmp_path: Path) -> None:
    scene = read(tmp_path, quad(materials=[{"pbrMetallicRoughness": {"roughnessFactor": 1.5}}]))
    assert scene.materials[0].json["pbrMetallicRoughness"]["roughnessFactor"] == 1
    assert [line for line in scene.repairs if "/materials/0/pbrMetallicRoughness/roughnessFactor was 1.5" in line]


def test_integers_written_as_floats_are_integers(tmp_path: Path) -> None:
    build = quad(scene=0.0)
    build.json["accessors"][0]["count"] = 4.0
    assert read(tmp_path, build).json["scene"] == 0


def test_a_document_without_scenes_shows_every_root(tmp_path: Path) -> None:
    build = quad(nodes=[{"children": [1]}, {"mesh": 0}, {}])
    del build.json["scenes"], build.json["scene"]
    scene = read(tmp_path, build)
    assert (scene.json["scene"], scene.json["scenes"]) == (0, [{"nodes": [0, 2]}])
    assert [line for line in scene.repairs if line.startswith("W_SCENE")]


def animated(build: Build, times: list[float], outputs: int = 4) -> Build:
    source = build.accessor(np.array(times, np.float32))
    target = build.accessor(np.zeros((outputs, 3), np.float32))
    channel = {"sampler": 0, "target": {"node": 0, "path": "translation"}}
    build.json["animations"] = [{"channels": [channel], "samplers": [{"input": source, "output": target}]}]
    return build


def test_skins_and_animations_point_into_the_arrays(tmp_path: Path) -> None:
    build = animated(quad(nodes=[{"mesh": 0}, {}], skins=[{"joints": [1]}]), [0, 1, 2, 3])
    matrices = np.arange(16, dtype=np.float32).reshape(1, 16)
    matrices[0, 3::4] = 0, 0, 0, 1
    build.json["skins"][0]["inverseBindMatrices"] = build.accessor(matrices)
    scene = read(tmp_path, build)
    sampler = scene.json["animations"][0]["samplers"][0]
    assert scene.arrays[sampler["input"]].tolist() == [0, 1, 2, 3]
    assert scene.arrays[sampler["output"]].shape == (4, 3)
    lifted = scene.arrays[scene.json["skins"][0]["inverseBindMatrices"]]
    assert np.array_equal(lifted, matrices.reshape(1, 4, 4))


@pytest.mark.parametrize(
    ("times", "outputs"), [([0, 0, 1, 2], 4), ([-1, 0, 1, 2], 4), ([0, 1, 2, np.nan], 4), ([0, 1, 2, 3], 5)]
)
def test_a_broken_animation_is_dropped_with_a_note(tmp_path: Path, times: list[float], outputs: int) -> None:
    """A product is worth publishing without it."""
    scene = read(tmp_path, animated(quad(), times, outputs))
    assert "animations" not in scene.json
    assert [line for line in scene.repairs if line.startswith("W_ANIMATION /animations/0")]


def test_instances_point_into_the_arrays(tmp_path: Path) -> None:
    build = quad()
    moved = np.arange(9, dtype=np.float32).reshape(3, 3)
    build.json["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": build.accessor(moved)}}
    }
    scene = read(tmp_path, build)
    attributes = scene.nodes[0].json["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    assert np.array_equal(scene.arrays[attributes["TRANSLATION"]], moved)


def test_what_no_stage_computes_on_passes_through(tmp_path: Path) -> None:
    """Cameras, lights, licences and extras reach the scene as the author wrote them."""
    asset = {"version": "2.0", "copyright": "2026 A. Author", "extras": {"sku": 7}}
    lights = {"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 20}]}}
    camera = {"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}
    node = {"mesh": 0, "camera": 0, "extensions": {"KHR_lights_punctual": {"light": 0}}, "extras": {"a": [1]}}
    used = ["KHR_lights_punctual"]
    scene = read(tmp_path, quad(asset=asset, extensions=lights, cameras=[camera], nodes=[node], extensionsUsed=used))
    assert scene.json["asset"] == asset
    assert scene.json["extensions"] == lights
    assert scene.json["cameras"] == [camera]
    assert scene.nodes[0].json == node
    assert scene.json["extensionsUsed"] == used
    assert (scene.repairs, scene.warnings) == ((), ())


def test_rotations_get_unit_length_and_no_length_is_refused(tmp_path: Path) -> None:
    scene = read(tmp_path, quad(nodes=[{"mesh": 0, "rotation": [0, 0, 3, 4]}]))
    assert scene.nodes[0].json["rotation"] == [0, 0, 0.6, 0.8]
    error = refusal(tmp_path, quad(nodes=[{"mesh": 0, "rotation": [0, 0, 0, 0]}]))
    assert (error.code, "/nodes/0/rotation" in error.message) == ("E_SCHEMA", True)


def test_a_skin_for_a_mesh_without_joints_is_dropped(tmp_path: Path) -> None:
    scene = read(tmp_path, quad(nodes=[{"mesh": 0, "skin": 0}, {}], skins=[{"joints": [1]}]))
    assert scene.nodes[0].json == {"mesh": 0}
    assert [line for line in scene.repairs if line.startswith("W_SKIN /nodes/0/skin")]


def test_weights_fit_the_morph_targets(tmp_path: Path) -> None:
    """Of the mesh and of the node; primitives must have equally many."""
    build = quad(nodes=[{"mesh": 0, "weights": [1]}])
    build.json["meshes"][0]["weights"] = [1, 2]
    scene = read(tmp_path, build)
    assert "weights" not in scene.nodes[0].json
    assert "weights" not in scene.meshes[0].json
    entry = dict(build.json["meshes"][0]["primitives"][0])
    build.json["meshes"][0]["primitives"].append({**entry, "targets": [{"POSITION": 0}]})
    assert refusal(tmp_path, build).code == "E_TARGETS"


def test_a_morph_target_that_lost_its_attribute_keeps_its_place(tmp_path: Path) -> None:
    build = quad()
    build.json["meshes"][0]["primitives"][0]["targets"] = [{"NORMAL": 0}, {"POSITION": 0}]
    targets = read(tmp_path, build).meshes[0].primitives[0].targets
    assert [set(target) for target in targets] == [{"POSITION"}, {"POSITION"}]
    assert not targets[0]["POSITION"].any()
    assert targets[1]["POSITION"].any()


def test_names_from_strangers_cannot_break_a_line_or_colour_a_terminal(tmp_path: Path) -> None:
    """They are escaped in messages, repairs and warnings, and kept in the scene."""
    name = "a\n\x1b[31mb\u202e"
    build = quad(images=[{"uri": name}], textures=[{"source": 0}], extensionsUsed=[name])
    build.json["meshes"][0]["primitives"][0]["attributes"][f"TEX{name}"] = 0
    scene = read(tmp_path, build)
    assert len(scene.repairs) == 3
    assert all(line.isprintable() for line in (*scene.repairs, *scene.warnings))
    assert scene.json["extensionsUsed"] == [name]
    build.json["meshes"][0]["primitives"][0]["attributes"][f"_{name}"] = 99
    assert refusal(tmp_path, build).message.isprintable()
