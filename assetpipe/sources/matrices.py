"""Document -> the same where every node moves as glTF allows: by a matrix without shear, or by translation, rotation
and scale, never both. No mesh moves by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Json
from assetpipe.sources.document import Document

TRS = ("translation", "rotation", "scale")
# Angles between axes that float32 arithmetic of an exporter leaves behind; more is shear.
SQUARE = 1e-5
# Khronos' validator compares a matrix with what it decomposes to, in float32 and to 5e-5 absolute: a matrix that is
# square to 1e-6 and enlarges by less than 5 passes whatever it rounds. All others are written as TRS, always valid.
SURE, LARGE, SMALL = 1e-6, 5.0, 1e-6
FARTHEST = 1e18


def mend_transforms(document: Document) -> Document:
    """Shear needs a second node: any matrix is rotation · scale · rotation (singular values), so a new parent has the
    first two and the node the last. The node keeps its number, its children and its place under skins."""
    nodes, moved = list(document.items("nodes")), _animated(document)
    for number, node in enumerate(nodes):
        _check_extent(document, node, f"/nodes/{number}")
    numbers = [number for number, node in enumerate(nodes) if "matrix" in node]
    plain = _are_plain(np.array([nodes[number]["matrix"] for number in numbers], np.float64).reshape(-1, 4, 4))
    above: dict[int, int] = {}
    for number, is_plain in zip(numbers, plain, strict=True):
        place, node = f"/nodes/{number}", nodes[number]
        own = _bare(document, node, place)
        if is_plain and number not in moved:
            nodes[number] = own
            continue
        parent, nodes[number] = _split(own, _affine(document, node["matrix"], f"{place}/matrix"))
        if parent is not None:
            document.notes.repair("W_SHEAR", f"{place}/matrix has shear: a node above it takes one half of it")
            above[number] = len(nodes)
            nodes.append({**parent, "children": [number]})
    return _with_nodes(document, nodes, above) if nodes else document


def _are_plain(columns: Array) -> Array:
    """(n, 4, 4) as glTF stores them, a column in each row -> (n,) whether the matrix may stay. All at once: with
    100,000 of them `mend_transforms` takes 0.8 s, one by one it took 7 s."""
    axes = columns[:, :3, :3]
    lengths = np.linalg.norm(axes, axis=2)
    sized = (lengths > SMALL) & (lengths < LARGE)
    unit = axes / np.where(sized, lengths, 1)[:, :, None]
    cosines = np.abs(unit @ unit.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0)
    plain: Array = sized.all(axis=1) & (cosines <= SURE) & (columns[:, :, 3] == [0, 0, 0, 1]).all(axis=1)
    return plain


def _animated(document: Document) -> set[int]:
    """Nodes whose translation, rotation or scale is animated; glTF allows no matrix there."""
    channels = (channel for animation in document.items("animations") for channel in animation["channels"])
    return {channel["target"].get("node", -1) for channel in channels if channel["target"]["path"] in TRS}


def _check_extent(document: Document, node: Json, place: str) -> None:
    for key in ("matrix", "translation", "scale"):
        if max(map(abs, node.get(key, ())), default=0) > FARTHEST:
            fault = f"a value of more than {FARTHEST:g}"
            raise document.refuse("E_EXTENT", f"{place}/{key}", fault, "check the units and the origin of the source")


def _bare(document: Document, node: Json, place: str) -> Json:
    """Viewers take the matrix where both are given."""
    both = [key for key in TRS if key in node]
    if both:
        document.notes.repair("W_TRANSFORM", f"{place}: {', '.join(both)} beside a matrix dropped")
    return {key: value for key, value in node.items() if key not in TRS}


def _affine(document: Document, values: Sequence[float], place: str) -> Array:
    """(4, 4) float64, for column vectors, last row 0 0 0 1."""
    matrix = np.array(values, np.float64).reshape(4, 4).T
    last = np.array([0.0, 0.0, 0.0, 1.0])
    astray = float(np.abs(matrix[3] - last).max())
    if astray > SQUARE:
        shown = ", ".join(f"{value:g}" for value in matrix[3])
        raise document.refuse("E_MATRIX", place, f"its last row is ({shown}), not (0, 0, 0, 1)")
    if astray:
        document.notes.repair("W_TRANSFORM", f"{place}: its last row is (0, 0, 0, 1) now, it was {astray:g} off")
        matrix[3] = last
    return matrix


def _split(node: Json, matrix: Array) -> tuple[Json | None, Json]:
    """The node by translation, rotation and scale, and the parent that shear needs."""
    linear, origin = matrix[:3, :3], matrix[:3, 3].tolist()
    rest = {key: value for key, value in node.items() if key != "matrix"}
    if _askew(linear) <= SQUARE:
        scale = np.linalg.norm(linear, axis=0)
        if np.linalg.det(linear) < 0:
            scale[0] = -scale[0]
        return None, {**rest, "translation": origin, "rotation": _quaternion(linear / scale), "scale": scale.tolist()}
    first, values, last = np.linalg.svd(linear)
    if np.linalg.det(first) < 0:
        first[:, 2], values[2] = -first[:, 2], -values[2]
    if np.linalg.det(last) < 0:
        last[2], values[2] = -last[2], -values[2]
    parent = {"translation": origin, "rotation": _quaternion(first), "scale": values.tolist()}
    return parent, {**rest, "rotation": _quaternion(last)}


def _askew(linear: Array) -> float:
    """Largest cosine between two axes; an axis without length has no direction and counts as askew."""
    lengths = np.linalg.norm(linear, axis=0)
    if not lengths.min() > 1e-30:
        return math.inf
    axes = linear / lengths
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def _quaternion(rotation: Array) -> list[float]:
    """(3, 3) -> x, y, z, w; by the largest of the four, S. W. Shepperd 1978."""
    m = rotation
    squares = np.array([*(2 * np.diag(m) - np.trace(m)), np.trace(m)])
    largest = int(np.argmax(squares))
    found = np.empty(4)
    if largest == 3:
        found[:] = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + squares[3]
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        found[[i, j, k, 3]] = 1 + squares[i], m[i, j] + m[j, i], m[k, i] + m[i, k], m[k, j] - m[j, k]
    unit: list[float] = (found / np.linalg.norm(found)).tolist()
    return unit


def _with_nodes(document: Document, nodes: Sequence[Json], above: dict[int, int]) -> Document:
    """New parents take the places of their children, in nodes and in scenes."""
    if not above:
        return replace(document, json={**document.json, "nodes": list(nodes)})
    inner = {parent: node for node, parent in above.items()}
    linked = [
        node if at in inner or "children" not in node else {**node, "children": _lifted(node["children"], above)}
        for at, node in enumerate(nodes)
    ]
    found: Json = {**document.json, "nodes": linked}
    if "scenes" in found:
        scenes = document.items("scenes")
        found["scenes"] = [
            {**scene, "nodes": _lifted(scene["nodes"], above)} if "nodes" in scene else scene for scene in scenes
        ]
    return replace(document, json=found)


def _lifted(numbers: Sequence[int], above: dict[int, int]) -> list[int]:
    return [above.get(number, number) for number in numbers]
