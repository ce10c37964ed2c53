"""Morph targets and all that drives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Node, Scene
from assetpipe.geometry import drop_morphs, scene_bounds
from tests import shapes


def channel(sampler: int, path: str, node: int = 0) -> Json:
    return {"sampler": sampler, "target": {"node": node, "path": path}}


def animated(*animations: Json, weights: tuple[float, ...] = (0.0,), node: Json | None = None) -> Scene:
    box = shapes.box()
    box = replace(box, targets=({"POSITION": box.positions.copy()},))  # at weight 1 the box is twice as large
    scene = shapes.scene(box, **({"animations": list(animations)} if animations else {}))
    mesh = replace(scene.meshes[0], json={"weights": list(weights), "extras": {"targetNames": ["grow"], "id": 3}})
    return replace(scene, meshes=(mesh,), nodes=(Node({"mesh": 0, **(node or {})}),))


def test_a_scene_without_morph_targets_is_left_alone() -> None:
    """The same object."""
    scene = shapes.scene(shapes.box())
    assert drop_morphs(scene) is scene


def test_targets_weights_and_names_go_together() -> None:
    """glTF wants as many weights as targets; other extras stay."""
    scene = drop_morphs(animated(node={"weights": [0.0]}))
    assert not scene.meshes[0].primitives[0].targets
    assert scene.meshes[0].json == {"extras": {"id": 3}}
    assert "weights" not in scene.nodes[0].json


def test_the_default_shape_is_kept() -> None:
    """What was drawn at rest is drawn still: default weights are built in, the node's before the mesh's."""
    for scene, size in ((animated(weights=(1.0,)), 1.0), (animated(weights=(1.0,), node={"weights": [2.0]}), 1.5)):
        assert scene_bounds(scene).max[0] == size
        assert scene_bounds(drop_morphs(scene)).max[0] == size


def test_animations_of_weights_go_and_others_are_renumbered() -> None:
    """A sampler that only weights used goes with them; an animation left without channels goes whole."""
    samplers = [{"input": 0, "output": 1}, {"input": 0, "output": 2}]
    mixed = {"name": "mixed", "channels": [channel(0, "weights"), channel(1, "rotation")], "samplers": samplers}
    only = {"name": "only", "channels": [channel(0, "weights")], "samplers": samplers[:1]}
    animations = drop_morphs(animated(only, mixed)).json["animations"]
    assert animations == [{"name": "mixed", "channels": [channel(0, "rotation")], "samplers": samplers[1:]}]
    assert "animations" not in drop_morphs(animated(only)).json


def test_animation_pointers_at_weights_go() -> None:
    """KHR_animation_pointer names weights by a path."""

    def pointing(pointer: str) -> Json:
        target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}
        return {"channels": [{"sampler": 0, "target": target}], "samplers": [{"input": 0, "output": 1}]}

    kept = pointing("/materials/0/emissiveFactor")
    scene = drop_morphs(animated(pointing("/nodes/0/weights"), pointing("/meshes/0/weights/0"), kept))
    assert scene.json["animations"] == [kept]


def test_morphed_normals_have_length_one() -> None:
    """Differences are added, then the sum is normalised."""
    scene = animated(weights=(0.5,))
    primitive = scene.meshes[0].primitives[0]
    target = {**primitive.targets[0], "NORMAL": np.ones((24, 3), np.float32)}
    mesh = replace(scene.meshes[0], primitives=(replace(primitive, targets=(target,)),))
    normals = drop_morphs(replace(scene, meshes=(mesh,))).meshes[0].primitives[0].attributes["NORMAL"]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    assert normals.dtype == np.float32
