"""Scene -> which of its nodes stay where they are and are drawn for sure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from assetpipe.asset import Json, Scene

POINTER, VISIBILITY = "KHR_animation_pointer", "KHR_node_visibility"
NODE_POINTER = re.compile(r"/nodes/(\d+)/")
# With these a viewer moves, hides or swaps parts by rules that are not looked into here.
MOVERS = frozenset(
    {
        *("KHR_interactivity", "KHR_physics_rigid_bodies", "OMI_physics_body", "MSFT_physics_rigid_bodies"),
        *("AGI_articulations", "MSFT_lod"),
    }
)


def still_nodes(scene: Scene) -> frozenset[int]:
    """Neither animated nor bound to a skin, nor below a node that is or below a joint; visible; not moved by an
    extension that brings rules of its own."""
    if MOVERS & set(scene.json.get("extensionsUsed", ())):
        return frozenset()
    restless = {*_animated(scene), *_joints(scene), *_invisible(scene)}
    below = _below(scene, restless)
    return frozenset(at for at, node in enumerate(scene.nodes) if at not in below and node.skin is None)


def _animated(scene: Scene) -> Iterator[int]:
    for animation in scene.json.get("animations", ()):
        for channel in animation["channels"]:
            yield from _aims(channel["target"])


def _aims(target: Json) -> Iterator[int]:
    if "node" in target:
        yield target["node"]
    found = NODE_POINTER.match(str(target.get("extensions", {}).get(POINTER, {}).get("pointer", "")))
    if found:
        yield int(found[1])


def _joints(scene: Scene) -> Iterator[int]:
    """A viewer may pose a skeleton without an animation of the file's."""
    for skin in scene.json.get("skins", ()):
        yield from skin["joints"]


def _invisible(scene: Scene) -> Iterator[int]:
    """Something may show them later."""
    for at, node in enumerate(scene.nodes):
        if node.json.get("extensions", {}).get(VISIBILITY, {}).get("visible", True) is False:
            yield at


def _below(scene: Scene, roots: Set[int]) -> set[int]:
    """`roots` and all of their descendants."""
    found: set[int] = set()
    waiting = [root for root in roots if root < len(scene.nodes)]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting.extend(scene.nodes[at].children)
    return found
