"""Skin -> charts: triangles that look the same way, laid flat along the mean of their normals. Always ends.

The fallback where engines fail, and what they are measured against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array
from assetpipe.geometry.directions import unit
from assetpipe.geometry.kernels.chart_growth import grow
from assetpipe.geometry.unwrapping.skin import Doubles, Ints, Skin
from assetpipe.groups import label_groups
from assetpipe.queries.uv_raster import paint

# Cosine of the most that a triangle leans away from its chart's axis. Statue of 10,000 triangles and assembly of 60
# parts: at 0.7 57 and 1,088 charts, L2 stretch 1.003 and 1.029; at 0.5 39 and 670, 1.006 and 1.034; at 0.35 18 and 595,
# 1.013 and 1.039, but triangles at the borders are drawn at a third of their size.
BEND = 0.5
# Of a triangle's area, drawn flat: below it is squashed, and goes elsewhere. Axes turn while charts grow: at 0.02 an
# assembly's worst triangles gave an L2 stretch of 2.05, at 0.35 of 1.04. Engines bend charts, and may squash a few.
LEAST, LEAST_OF_ENGINES = 0.35, 0.02
SMOOTHINGS = 3  # of the normals, over neighbours: the noise of a scan founds no charts
ROUNDS = 3  # of growing from better seeds
SMALL = 0.03  # of the mean area of charts: joins a neighbour that it fits
CUTS = 8  # times that triangles which lie on others are made charts of their own, before each is one for itself
CELLS = 1 << 21  # texels on which overlaps are looked for, all charts together
COARSEST = 1024.0  # texels along one chart


@dataclass(frozen=True, eq=False)
class Charts:
    """Triangles laid flat."""

    uvs: Doubles
    """(f, 3, 2) in the skin's unit, v up, not mirrored; each chart somewhere of its own."""
    of: Ints
    """(f,) 0 ..., the chart of each triangle."""

    @property
    def count(self) -> int:
        return int(self.of.max(initial=-1)) + 1


def make_charts(skin: Skin) -> Charts:
    if not len(skin.areas):
        return Charts(np.zeros((0, 3, 2)), np.zeros(0, np.int32))
    of = _grown(skin)
    return untangle(skin, Charts(_flat(skin, of), of), LEAST)


def adopt_charts(skin: Skin, uvs: Doubles) -> Charts:
    """What an engine has made, (f, 3, 2) at any scale: triangles that share an edge there are of one chart."""
    of = _islands(skin, uvs)
    return untangle(skin, Charts(_to_scale(skin, uvs.astype(np.float64), of), of), LEAST_OF_ENGINES)


def joints(skin: Skin, uvs: Doubles) -> Array:
    """(f, 3) whether both triangles at the edge from each corner to the next are side by side. A chart may touch itself
    across a cut, so to be of one chart is not enough."""
    f, e = np.nonzero(skin.across >= 0)
    g = skin.across[f, e]
    ahead = (e + 1) % 3
    # The edge runs the other way in the other triangle; two triangles may share more than one.
    other = (skin.corners[g] == skin.corners[f, ahead][:, None]).argmax(axis=1)
    same = (uvs[f, e] == uvs[g, (other + 1) % 3]).all(axis=1) & (uvs[f, ahead] == uvs[g, other]).all(axis=1)
    joined = np.zeros(skin.across.shape, bool)
    joined[f[same], e[same]] = True
    return joined


def _islands(skin: Skin, uvs: Doubles, of: Ints | None = None) -> Ints:
    """(f,) which triangles hang together in the plane, and were of one chart."""
    joined = joints(skin, uvs)
    if of is not None:
        joined &= of[skin.across] == of[:, None]
    pairs = np.stack([np.nonzero(joined)[0], skin.across[joined]], axis=1).astype(np.int32)
    return _numbered(label_groups(pairs, len(uvs)))


def untangle(skin: Skin, charts: Charts, least: float) -> Charts:
    """No triangle upside down, lost, below `least` of its area or on another of its chart: such become charts of their
    own."""
    out = _spoilt(skin, charts, least)
    for left in range(CUTS, -1, -1):
        if not out.any():
            break
        of = _numbered(np.where(out, -1, charts.of))
        of = _founded(skin, skin.normals, of) if left else _single(of)
        fresh = np.where(out[:, None, None], _flat(skin, of, out), charts.uvs)
        charts = replace(charts, uvs=fresh, of=of)
        out = _spoilt(skin, charts, least, out) if left else np.zeros(len(out), bool)
    # What was between them may have gone.
    return replace(charts, of=_islands(skin, charts.uvs, charts.of))


def _single(of: Ints) -> Ints:
    """Each that has no chart in one for itself."""
    alone = of < 0
    singles: Ints = np.where(alone, of.max(initial=-1) + np.cumsum(alone), of).astype(np.int32)
    return singles


def signed_areas(uvs: Array) -> Doubles:
    """(f, 3, 2) -> (f,), positive where they turn left."""
    one, other = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    areas: Doubles = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    return areas


def totals(of: Ints, values: Array) -> Doubles:
    """(f,) or (f, k) summed by chart."""
    if values.ndim == 1:
        return np.bincount(of, values).astype(np.float64)
    return np.stack([np.bincount(of, column) for column in values.T], axis=1).astype(np.float64)


def _numbered(labels: Array) -> Ints:
    """The same from 0 without gaps, in the order of the first triangles; -1 stays."""
    kept = labels >= 0
    if not kept.any():
        return labels.astype(np.int32)
    _, first, number = np.unique(labels[kept], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    numbered = np.full(len(labels), -1, np.int32)
    numbered[kept] = rank[number.reshape(-1)]
    return numbered


def _grown(skin: Skin) -> Ints:
    """Every triangle in a chart, charts as few and as even as they come."""
    normals, nobody = _smooth(skin), np.full(len(skin.areas), -1, np.int32)
    of = _founded(skin, normals, nobody)
    for _ in range(ROUNDS):
        of = _seeded(skin, normals, _seeds(of, normals, skin.areas))
    areas = totals(of, skin.areas)
    seeds, axes = _seeds(of, normals, skin.areas)
    large = areas >= SMALL * areas.mean()
    return _seeded(skin, normals, (seeds[large], axes[large]))


def _founded(skin: Skin, normals: Doubles, of: Ints) -> Ints:
    """Those that have no chart in new ones."""
    nobody, nowhere = np.zeros(0, np.int32), np.zeros((0, 3))
    return grow(skin.across, normals, of, seeds=nobody, axes=nowhere, weights=skin.areas, limit=BEND)


def _seeded(skin: Skin, normals: Doubles, seeds: tuple[Ints, Doubles]) -> Ints:
    free = np.full(len(normals), -1, np.int32)
    grown = grow(skin.across, normals, free, seeds=seeds[0], axes=seeds[1], weights=skin.areas, limit=BEND)
    return _numbered(grown)


def _seeds(of: Ints, normals: Doubles, areas: Doubles) -> tuple[Ints, Doubles]:
    """The triangle that looks most as its chart does, and how that is."""
    axes = unit(totals(of, normals * areas[:, None]))
    near = (normals * axes[of]).sum(axis=1)
    order = np.lexsort([np.arange(len(of)), -near, of])
    return order[np.flatnonzero(np.diff(of[order], prepend=-1))].astype(np.int32), axes


def _smooth(skin: Skin) -> Doubles:
    normals = skin.normals
    for _ in range(SMOOTHINGS):
        heavy = np.concatenate([normals * skin.areas[:, None], np.zeros((1, 3))])
        total = heavy[:-1].copy()
        for side in range(3):
            total += heavy[skin.across[:, side]]
        smooth = unit(total)
        normals = np.where(smooth.any(axis=1, keepdims=True), smooth, normals)
    return normals


def _flat(skin: Skin, of: Ints, chosen: Array | None = None) -> Doubles:
    """(f, 3, 2) seen along the axes of the charts, to scale."""
    weights = skin.areas if chosen is None else skin.areas * chosen
    axes = unit(totals(of, skin.normals * weights[:, None]))
    axes[~axes.any(axis=1)] = (0.0, 0.0, 1.0)
    least = np.eye(3)[np.abs(axes).argmin(axis=1)]
    right = unit(np.cross(least, axes))
    up = np.cross(axes, right)
    points = skin.points[skin.corners].astype(np.float64)
    uvs = np.stack([(points * side[of][:, None]).sum(axis=2) for side in (right, up)], axis=2)
    return _to_scale(skin, uvs, of)


def _to_scale(skin: Skin, uvs: Doubles, of: Ints) -> Doubles:
    """As large as the surface, and not mirrored."""
    signed = totals(of, signed_areas(uvs))
    turned = uvs * np.where(signed < 0, -1.0, 1.0)[of][:, None, None] ** np.array([1, 0])
    flat = totals(of, np.abs(signed_areas(uvs)))
    size = np.sqrt(totals(of, skin.areas) / np.where(flat > 0, flat, np.inf))
    scaled: Doubles = turned * size[of][:, None, None]
    return scaled


def _spoilt(skin: Skin, charts: Charts, least: float, among: Array | None = None) -> Array:
    """(f,) whether a triangle is upside down or squashed to a line, lost, or lies on another one."""
    lost: Array = np.logical_not(np.isfinite(charts.uvs).all(axis=(1, 2)))
    uvs = np.where(lost[:, None, None], 0.0, charts.uvs)
    bad: Array = lost | (signed_areas(uvs) < least * skin.areas)
    looked = np.flatnonzero(~bad if among is None else among & ~bad)
    if len(looked):
        bad[looked[_covered(uvs[looked], charts.of[looked])]] = True
    alone = np.bincount(charts.of, minlength=1)[charts.of] == 1
    spoilt: Array = bad & ~(alone & ~lost & (signed_areas(uvs) > 0)) if among is None else bad & among & ~alone
    return spoilt


def _covered(uvs: Doubles, of: Ints) -> Array:
    """(f,) whether texels of a triangle belong to one before it in its chart."""
    _, sheet = np.unique(of, return_inverse=True)
    low = np.full((sheet.max() + 1, 2), np.inf)
    high = -low
    for corner in range(3):
        np.minimum.at(low, sheet, uvs[:, corner])
        np.maximum.at(high, sheet, uvs[:, corner])
    size = high - low
    fine = np.sqrt(CELLS / max(float((size[:, 0] * size[:, 1]).sum()), 1e-12))
    scale = np.minimum(fine, COARSEST / max(float(size.max()), 1e-12))
    painted = paint((uvs - low[sheet][:, None]) * scale, np.ceil(size * scale) + 1, sheet)
    lying: Array = painted.clashes > 0
    return lying
