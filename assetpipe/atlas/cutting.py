"""A mesh, its vertices in tiles of their maps -> the same surface, cut along the tiles' borders.

An edge is cut in every triangle that has it, whatever its material, so that no vertex comes to lie on a whole edge.
What is cut has corners of its own in each tile: UVs stay, and each tile's part is a chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats, Mesh, Primitive
from assetpipe.atlas.lookups import Doubles
from assetpipe.rows import first_equal

Longs = NDArray[np.int64]
ON_LINE = 1e-5
"""Of a tile."""
MOST_ROUNDS = 16
"""For one line: an edge whose two sides lie differently in the tiles is cut more than once."""
UNIT = ("NORMAL", "TANGENT")


@dataclass(frozen=True, eq=False)
class Soup:
    """All triangles of a mesh."""

    corners: Longs
    """(t, 3)"""
    primitive: Longs
    """(t,)"""
    place: Longs
    """(v,) equal where positions are"""
    tiles: Doubles
    """(v, 2), nan where nothing tiles"""
    born: tuple[tuple[Longs, Longs, Doubles], ...] = ()
    """Generations of new vertices: between which two, and how far from the first to the second."""


def cut_mesh(mesh: Mesh, tiles: Mapping[int, Doubles]) -> Mesh:
    """`tiles`: primitive -> its vertices, (v, 2), in tiles. Triangles all, with attributes that can be averaged."""
    soup = _soup(mesh, tiles)
    for axis in (0, 1):
        for line in _lines(soup.tiles[soup.corners.reshape(-1), axis]):
            soup = _cut(soup, axis, line)
    return _meshed(mesh, soup)


def _soup(mesh: Mesh, tiles: Mapping[int, Doubles]) -> Soup:
    own = mesh.primitives
    starts = _starts(own)
    corners = [each.indices.reshape(-1, 3).astype(np.int64) + start for each, start in zip(own, starts, strict=False)]
    nowhere = [np.full((len(each.positions), 2), np.nan) for each in own]
    return Soup(
        corners=np.concatenate(corners),
        primitive=np.repeat(np.arange(len(own)), [each.triangles for each in own]),
        place=first_equal([np.concatenate([each.positions for each in own])]),
        tiles=np.concatenate([tiles.get(at, none) for at, none in enumerate(nowhere)]),
    )


def _starts(primitives: Sequence[Primitive]) -> Longs:
    found: Longs = np.cumsum([0, *(len(each.positions) for each in primitives)]).astype(np.int64)
    return found


def _lines(values: Doubles) -> range:
    """Whole numbers strictly between the least and the largest."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return range(0)
    return range(int(np.floor(finite.min() + ON_LINE)) + 1, int(np.ceil(finite.max() - ON_LINE)))


def _cut(soup: Soup, axis: int, line: int) -> Soup:
    for _ in range(MOST_ROUNDS):
        further = _cut_once(soup, axis, line)
        if further is soup:
            break
        soup = further
    return soup


def _cut_once(soup: Soup, axis: int, line: int) -> Soup:
    """Every edge that crosses the line, at one place each."""
    away = soup.tiles[:, axis] - line
    away[np.abs(away) < ON_LINE] = 0.0
    first, last = _ends(soup, soup.corners)
    crossing = (away[first] * away[last] < 0) & (soup.place[first] != soup.place[last])
    if not crossing.any():
        return soup
    a, b = first[crossing], last[crossing]
    edges, one = np.unique(_key(soup.place[a], soup.place[b], len(soup.place)), return_index=True)
    share = away[a[one]] / (away[a[one]] - away[b[one]])
    return _split(soup, edges, share)


def _ends(soup: Soup, corners: Longs) -> tuple[Longs, Longs]:
    """(t, 3) of each edge, from the lower place to the higher: the same way in all triangles that have the edge."""
    a, b = corners, corners[:, [1, 2, 0]]
    turned = soup.place[a] > soup.place[b]
    return np.where(turned, b, a), np.where(turned, a, b)


def _key(first: Longs, last: Longs, count: int) -> Longs:
    return first * count + last


def _split(soup: Soup, edges: Longs, share: Doubles) -> Soup:
    """`edges`: keys of pairs of places, sorted; `share` of the way at which each is cut."""
    count = len(soup.place)
    ends = np.zeros(count, bool)
    ends[edges // count] = ends[edges % count] = True
    near = np.flatnonzero(ends[soup.place[soup.corners]].sum(axis=1) > 1)
    corners = soup.corners[near]
    first, last = _ends(soup, corners)
    keys = _key(soup.place[first], soup.place[last], count)
    edge = np.minimum(np.searchsorted(edges, keys), len(edges) - 1)
    marked = edges[edge] == keys
    pairs, one, new = np.unique(_key(first[marked], last[marked], count), return_index=True, return_inverse=True)
    middle = np.full(corners.shape, -1, np.int64)
    middle[marked] = count + new
    of_edge = edge[marked][one]
    a, b, along = pairs // count, pairs % count, share[of_edge]
    cut = marked.any(axis=1)
    parts, source = _parts(corners[cut], middle[cut])
    whole = np.delete(np.arange(len(soup.corners)), near[cut])
    return replace(
        soup,
        corners=np.concatenate([soup.corners[whole], parts]),
        primitive=np.concatenate([soup.primitive[whole], soup.primitive[near[cut]][source]]),
        place=np.concatenate([soup.place, count + of_edge]),
        tiles=np.concatenate([soup.tiles, _between(soup.tiles, a, b, along)]),
        born=(*soup.born, (a, b, along)),
    )


def _parts(corners: Longs, middle: Longs) -> tuple[Longs, Longs]:
    """(t, 3) triangles, (t, 3) the vertices on their edges, -1: none -> their parts, and of which each is one."""
    corners, middle = _turned(corners, middle)
    cuts = (middle >= 0).sum(axis=1)
    found, of = [], []
    for number in (1, 2, 3):
        rows = np.flatnonzero(cuts == number)
        (a, b, c), (p, q, r) = corners[rows].T, middle[rows].T
        parts = {
            1: [(a, p, c), (p, b, c)],
            2: [(p, b, q), (a, p, q), (a, q, c)],
            3: [(a, p, r), (p, b, q), (r, q, c), (p, q, r)],
        }[number]
        found += [np.stack(part, axis=1) for part in parts]
        of += [rows] * len(parts)
    return np.concatenate(found), np.concatenate(of)


def _turned(corners: Longs, middle: Longs) -> tuple[Longs, Longs]:
    """Until the edges that are cut come first."""
    for _ in range(2):
        cuts = (middle >= 0).sum(axis=1)
        wrong = np.where(cuts == 1, middle[:, 0] < 0, (cuts == 2) & (middle[:, 2] >= 0))[:, None]
        corners = np.where(wrong, corners[:, [1, 2, 0]], corners)
        middle = np.where(wrong, middle[:, [1, 2, 0]], middle)
    return corners, middle


def _between(values: Array, first: Longs, last: Longs, share: Doubles) -> Doubles:
    found: Doubles = values[first] * (1 - share[:, None]) + values[last] * share[:, None]
    return found


def _meshed(mesh: Mesh, soup: Soup) -> Mesh:
    tile = np.floor(np.nan_to_num(soup.tiles[soup.corners].mean(axis=1))).astype(np.int64)
    names = dict.fromkeys(name for each in mesh.primitives for name in each.attributes)
    grown = {name: _grown(mesh, soup, name) for name in names}
    made = []
    for at, each in enumerate(mesh.primitives):
        rows = soup.primitive == at
        wedges = np.column_stack([soup.corners[rows].reshape(-1), tile[rows].repeat(3, axis=0)])
        shown, indices = np.unique(wedges, axis=0, return_inverse=True)
        attributes = {
            name: np.ascontiguousarray(grown[name][shown[:, 0], : own.shape[1]])
            for name, own in each.attributes.items()
        }
        made.append(replace(each, indices=indices.reshape(-1).astype(np.uint32), attributes=attributes))
    return replace(mesh, primitives=tuple(made))


def _grown(mesh: Mesh, soup: Soup, name: str) -> Floats:
    """(v, components) the attribute of all vertices of all primitives, that of new ones between their parents'."""
    starts = _starts(mesh.primitives)
    sizes = [each.attributes[name].shape[1] for each in mesh.primitives if name in each.attributes]
    values = np.zeros((starts[-1], max(sizes)), np.float32)
    for each, start in zip(mesh.primitives, starts, strict=False):
        if name in each.attributes:
            own = each.attributes[name]
            values[start : start + len(own), : own.shape[1]] = own
    for a, b, share in soup.born:
        born = _between(values.astype(np.float64), a, b, share)
        if name in UNIT:
            born[:, :3] /= np.maximum(np.linalg.norm(born[:, :3], axis=1, keepdims=True), 1e-12)
            born[:, 3:] = values[a, 3:]
        values = np.concatenate([values, born.astype(np.float32)])
    return values
