"""Scene -> the same without morph targets, and without all that drives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Json, Mesh, Primitive, Scene
from assetpipe.geometry.directions import unit

POINTER = "KHR_animation_pointer"
WEIGHTS_POINTER = re.compile(r"/(nodes|meshes)/\d+/weights(/\d+)?")


def has_morphs(scene: Scene) -> bool:
    return any(primitive.targets for mesh in scene.meshes for primitive in mesh.primitives)


def drop_morphs(scene: Scene) -> Scene:
    """The shape that the default weights give becomes the shape. Animations of weights go; so does an animation that
    moves nothing else."""
    if not has_morphs(scene):
        return scene
    shown = {node.mesh: node.json["weights"] for node in reversed(scene.nodes) if node.json.get("weights")}
    meshes = tuple(_at_rest(mesh, shown.get(at, ())) for at, mesh in enumerate(scene.meshes))
    nodes = tuple(replace(node, json=_without(node.json, "weights")) for node in scene.nodes)
    animations = [_without_weights(animation) for animation in scene.json.get("animations", ())]
    kept = [animation for animation in animations if animation["channels"]]
    json = _without(scene.json, "animations")
    return replace(scene, meshes=meshes, nodes=nodes, json={**json, "animations": kept} if kept else json)


def _at_rest(mesh: Mesh, shown: Sequence[float]) -> Mesh:
    """`shown`: the weights of the first node that has its own."""
    weights = shown or mesh.json.get("weights", ())
    json = _without(mesh.json, "weights")
    if "targetNames" in json.get("extras", {}) and isinstance(json["extras"], dict):
        json = {**json, "extras": _without(json["extras"], "targetNames")}
    return Mesh(tuple(_morph(primitive, weights) for primitive in mesh.primitives), json)


def _morph(primitive: Primitive, weights: Sequence[float]) -> Primitive:
    attributes = dict(primitive.attributes)
    for weight, target in zip(weights, primitive.targets, strict=False):
        for name in target.keys() & attributes.keys() if weight else ():
            attributes[name] = _add(attributes[name], float(weight) * target[name])
    if attributes.get("NORMAL") is not primitive.attributes.get("NORMAL"):
        attributes["NORMAL"] = unit(attributes["NORMAL"])
    return replace(primitive, attributes={name: attributes[name] for name in primitive.attributes}, targets=())


def _add(values: Array, difference: Array) -> Array:
    """A tangent's w is not morphed."""
    width = difference.shape[1]
    return np.concatenate([values[:, :width] + difference, values[:, width:]], axis=1).astype(values.dtype)


def _without_weights(animation: Json) -> Json:
    """Without the channels that drive weights and the samplers that only they used."""
    channels = [channel for channel in animation["channels"] if not _drives_weights(channel["target"])]
    used = sorted({channel["sampler"] for channel in channels})
    renumbered = [{**channel, "sampler": used.index(channel["sampler"])} for channel in channels]
    return {**animation, "channels": renumbered, "samplers": [animation["samplers"][at] for at in used]}


def _drives_weights(target: Json) -> bool:
    pointer = target.get("extensions", {}).get(POINTER, {}).get("pointer", "")
    return target.get("path") == "weights" or bool(WEIGHTS_POINTER.fullmatch(pointer))


def _without(json: Json, key: str) -> Json:
    return {name: value for name, value in json.items() if name != key}
