"""The node tree, checked without recursion: a forest, not too deep, and every skin within its joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assetpipe.asset import Json, Mesh, Node
from assetpipe.sources.document import Document

TREE = "separate the nodes in the tool that wrote the source"


def check_hierarchy(document: Document) -> None:
    """glTF 2.0, 3.5.2: a set of disjoint strict trees."""
    nodes = document.items("nodes")
    parents = _parents(document, nodes)
    for number, scene in enumerate(document.items("scenes")):
        for root in scene.get("nodes", ()):
            if root in parents:
                fault = f"node {root} is a root and also a child of node {parents[root]}"
                raise document.refuse("E_NODE_PARENT", f"/scenes/{number}/nodes", fault, TREE)
    _check_depth(document, nodes, parents)


def _parents(document: Document, nodes: Sequence[Json]) -> dict[int, int]:
    parents: dict[int, int] = {}
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            if child in parents:
                cycle = _cycle_through(nodes, child)
                if cycle:
                    raise _cyclic(document, cycle)
                fault = f"node {child} is a child of node {parents[child]} and of node {number}"
                raise document.refuse("E_NODE_PARENT", f"/nodes/{number}/children", fault, TREE)
            parents[child] = number
    return parents


def _check_depth(document: Document, nodes: Sequence[Json], parents: dict[int, int]) -> None:
    """Down from the roots; what no root reaches hangs in a cycle, for every node has one parent at most."""
    limit, depth, reached = document.limits.node_depth, 0, 0
    level = [number for number in range(len(nodes)) if number not in parents]
    while level:
        depth, reached = depth + 1, reached + len(level)
        if depth > limit:
            raise document.exceeds(
                "E_LIMIT_NODE_DEPTH", f"/nodes/{level[0]}: nested deeper than {limit:,}", "node_depth"
            )
        level = [child for number in level for child in nodes[number].get("children", ())]
    if reached < len(nodes):
        looped = next(cycle for number in range(len(nodes)) if (cycle := _cycle_up(parents, number)))
        raise _cyclic(document, looped)


def _cycle_up(parents: dict[int, int], start: int) -> list[int]:
    """The cycle that `start` is part of or hangs from, [] when its parents end at a root."""
    trail: dict[int, None] = {}
    here: int | None = start
    while here is not None and here not in trail:
        trail[here] = None
        here = parents.get(here)
    if here is None:
        return []
    path = list(trail)
    return [here, *reversed(path[path.index(here) :])]


def _cycle_through(nodes: Sequence[Json], start: int) -> list[int]:
    """A way from `start` down to itself, [] when there is none."""
    came: dict[int, int] = {}
    stack = [start]
    while stack:
        number = stack.pop()
        for child in nodes[number].get("children", ()):
            if child == start:
                return _trail(came, number, start)
            if child not in came:
                came[child] = number
                stack.append(child)
    return []


def _trail(came: dict[int, int], last: int, start: int) -> list[int]:
    path = [start]
    while last != start:
        path.append(last)
        last = came[last]
    return [start, *reversed(path)]


def _cyclic(document: Document, cycle: list[int]) -> Exception:
    shown = [str(number) for number in cycle]
    if len(shown) > 12:
        shown = [*shown[:6], "…", *shown[-5:]]
    return document.refuse("E_NODE_CYCLE", f"/nodes/{cycle[0]}", f"a cycle of children: {' → '.join(shown)}", TREE)


def mend_deformation(document: Document, nodes: Sequence[Node], meshes: Sequence[Mesh]) -> tuple[Node, ...]:
    """Nodes without a skin whose mesh has no joints, or weights for other morph targets than it has; without a mesh
    neither."""
    mended = []
    for number, node in enumerate(nodes):
        primitives = meshes[node.mesh].primitives if node.mesh is not None else ()
        lost = set()
        if node.skin is not None and not (primitives and all("JOINTS_0" in own.attributes for own in primitives)):
            lost.add("skin")
        targets = {len(own.targets) for own in primitives}
        if "weights" in node.json and targets != {len(node.json["weights"])}:
            lost.add("weights")
        for key in sorted(lost):
            document.notes.repair(
                "W_SKIN" if key == "skin" else "W_TARGET", f"/nodes/{number}/{key} fits no mesh: dropped"
            )
        mended.append(Node({k: v for k, v in node.json.items() if k not in lost}) if lost else node)
    return tuple(mended)


def check_skins(document: Document, nodes: Sequence[Node], meshes: Sequence[Mesh]) -> None:
    """No vertex may follow a joint that its skin does not have."""
    skins = document.items("skins")
    for number, node in enumerate(nodes):
        if node.skin is None or node.mesh is None:
            continue
        joints = len(skins[node.skin]["joints"])
        for primitive in meshes[node.mesh].primitives:
            for semantic, values in primitive.attributes.items():
                if semantic.startswith("JOINTS_") and int(np.max(values, initial=0)) >= joints:
                    fault = f"{semantic} up to {values.max()}, but skin {node.skin} has {joints} joints"
                    raise document.refuse("E_JOINTS", f"/nodes/{number}/skin", fault)
