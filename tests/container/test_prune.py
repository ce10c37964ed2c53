"""What goes, what stays, and who is renumbered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Material, Mesh, Node, Scene
from assetpipe.container import prune
from tests.container.scenes import picture, textured
from tests.shapes import box, scene, torus


def info(texture: int) -> Json:
    return {"index": texture, "extensions": {"KHR_texture_transform": {"scale": [2, 2]}}}


def test_unused_pictures_textures_and_samplers_go() -> None:
    """And those that stay move up."""
    asset = textured(picture("red"), picture("blue"), picture("green"))
    document = {
        **asset.json,
        "samplers": [{"wrapS": 33071}, {"wrapS": 33648}],
        "textures": [{"source": 0, "sampler": 0}, {"source": 1}, {"source": 2, "sampler": 1}],
    }
    pruned = prune(replace(asset, json=document, materials=asset.materials[2:]))
    assert [image.name for image in pruned.images] == ["green"]
    assert pruned.json["textures"] == [{"source": 0, "sampler": 0}]
    assert pruned.json["samplers"] == [{"wrapS": 33648}]
    assert [slot.texture for slot in pruned.materials[0].textures] == [0]


def test_equal_pictures_become_one_whatever_their_names() -> None:
    """Bytes and kind decide; two textures of one picture and one sampler are one texture."""
    asset = textured(picture("red"), picture("blue"), replace(picture("red"), json={"name": "red.001"}))
    pruned = prune(asset)
    assert [image.name for image in pruned.images] == ["red", "blue"]
    assert [slot.texture for material in pruned.materials for slot in material.textures] == [0, 1, 0]
    assert len(pruned.json["textures"]) == 2


def test_a_shared_picture_stays_shared() -> None:
    """Two textures with different samplers keep one picture between them."""
    asset = textured(picture("red"), picture("red"))
    document = {
        **asset.json,
        "samplers": [{"wrapS": 33071}, {"wrapS": 33648}],
        "textures": [{"source": 0, "sampler": 0}, {"source": 1, "sampler": 1}],
    }
    pruned = prune(replace(asset, json=document))
    assert len(pruned.images) == 1
    assert [texture["source"] for texture in pruned.json["textures"]] == [0, 0]
    assert [texture["sampler"] for texture in pruned.json["textures"]] == [0, 1]


def test_textures_are_found_wherever_extensions_put_them() -> None:
    """Two levels down, beside numbers that only look like textures; extras are not touched."""
    material = Material(
        {
            "normalTexture": info(1),
            "extensions": {"ACME_layers": {"top": {"dirtTexture": info(2), "index": 9}}},
            "extras": {"oldTexture": {"index": 0}},
        }
    )
    pruned = prune(replace(textured(picture("red"), picture("blue"), picture("green")), materials=(material,)))
    assert pruned.materials[0].json == {
        "normalTexture": info(0),
        "extensions": {"ACME_layers": {"top": {"dirtTexture": info(1), "index": 9}}},
        "extras": {"oldTexture": {"index": 0}},
    }
    assert [image.name for image in pruned.images] == ["blue", "green"]


def test_sources_inside_texture_extensions_are_renumbered() -> None:
    """Their pictures are used as much as those of the core."""
    asset = textured(picture("red"), picture("blue"))
    document = {
        **asset.json,
        "textures": [{}, {"source": 1, "extensions": {"ACME_texture": {"source": 0, "level": 1}}}],
    }
    pruned = prune(replace(asset, json=document, images=(picture("green"), picture("blue"))))
    used = prune(replace(pruned, materials=pruned.materials[1:]))
    assert used.json["textures"] == [{"source": 1, "extensions": {"ACME_texture": {"source": 0, "level": 1}}}]
    assert [image.name for image in used.images] == ["green", "blue"]


def test_meshes_that_nothing_shows_or_that_show_nothing_go() -> None:
    """Nodes lose what they may only have with a mesh; pointers of animations follow their mesh, or go."""
    empty = replace(box(), indices=np.zeros(0, np.uint32))
    meshes = (Mesh((torus(8),)), Mesh((empty,)), Mesh((box(), empty), {"weights": [0.0]}))
    nodes = (
        Node({"mesh": 1, "skin": 0, "weights": [1], "name": "hollow", "extensions": {"EXT_mesh_gpu_instancing": {}}}),
        Node({"mesh": 2}),
    )
    pruned = prune(
        Scene(
            nodes,
            meshes,
            json={"animations": [pointing("/meshes/2/weights/0", "/meshes/1/weights", "/nodes/0/rotation")]},
        )
    )
    assert [node.json for node in pruned.nodes] == [{"name": "hollow"}, {"mesh": 0}]
    assert [len(mesh.primitives) for mesh in pruned.meshes] == [1]
    assert pruned.json["animations"] == [pointing("/meshes/0/weights/0", "/nodes/0/rotation")]


def test_weights_of_a_mesh_that_is_gone_are_not_animated() -> None:
    """A channel that moves the node itself stays."""
    empty = replace(box(), indices=np.zeros(0, np.uint32))
    channels = [{"sampler": 0, "target": {"node": 0, "path": path}} for path in ("weights", "scale")]
    animation = {"samplers": [{"input": 0, "output": 1}], "channels": channels}
    nodes = (Node({"mesh": 0}), Node({"mesh": 1}))
    pruned = prune(Scene(nodes, (Mesh((empty,)), Mesh((box(),))), json={"animations": [animation]}))
    assert [channel["target"]["path"] for channel in pruned.json["animations"][0]["channels"]] == ["scale"]


def pointing(*pointers: str) -> Json:
    targets = [
        {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}} for pointer in pointers
    ]
    return {
        "samplers": [{"input": 0, "output": 1}],
        "channels": [{"sampler": 0, "target": target} for target in targets],
    }


def test_documents_that_name_pictures_by_rules_of_their_own_keep_all() -> None:
    """EXT_lights_image_based is not a material's texture."""
    asset = textured(picture("red"), picture("blue"))
    lights = {"EXT_lights_image_based": {"lights": [{"specularImages": [[1]]}]}}
    document = {**asset.json, "extensions": lights}
    assert len(prune(replace(asset, materials=(), json=document)).images) == 2


def test_nothing_is_done_twice_and_nothing_is_changed_in_place() -> None:
    """A pruned scene prunes to itself, and the source is as it was."""
    asset = textured(picture("red"), picture("red"), picture("blue"))
    before = repr(asset.json)
    once = prune(replace(asset, materials=asset.materials[:2]))
    twice = prune(once)
    assert (twice.json, twice.images) == (once.json, once.images)
    assert repr(asset.json) == before
    assert all(a is b for a, b in zip(once.meshes, asset.meshes, strict=True))


def test_a_scene_without_pictures_stays_without() -> None:
    """No empty lists appear."""
    assert prune(scene(box())).json == scene(box()).json
