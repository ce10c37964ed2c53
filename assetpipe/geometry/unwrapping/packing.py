"""Charts -> the same inside the unit square, apart by gutters, all at one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assetpipe.geometry.kernels.chart_packing import drop, outlines
from assetpipe.geometry.unwrapping.charts import Charts, joints
from assetpipe.geometry.unwrapping.skin import Doubles, Ints, Skin

# Cosine and sine of 6 degrees: boxes about charts are compared every 6 of 0 .. 84. Libraries round sines as they like.
STEP = (0.99452189536827333692, 0.10452846326765347140)
TURNS = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]], float)
SIDE = 1024  # cells of the square that charts are dropped into, at most
MANY = 3000  # charts beyond which rows of boxes have to do: each of these takes as long as the square is wide
STEPS = 8  # halvings of the interval of scales


@dataclass(frozen=True)
class Sheet:
    """What charts are packed into."""

    px: int
    gutter: float
    """texels"""


@dataclass(frozen=True, eq=False)
class Packed:
    uvs: Doubles
    """(f, 3, 2) in 0..1, v up"""
    gutter: float
    """Texels between charts, fewer than asked for where there are too many charts."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where charts go: scaled, turned by quarters, then moved."""

    turns: Ints
    shifts: Doubles


def pack(skin: Skin, charts: Charts, sheet: Sheet) -> Packed:
    """At the largest scale found at which all fit, with narrower gutters where they would take too much."""
    if not charts.count:
        return Packed(charts.uvs, sheet.gutter)
    rim = _rim(skin, charts)
    turned = _upright(rim)
    upright = replace(rim, uvs=_by(rim.uvs, turned[rim.of]))
    room = sheet.px * 0.35 / charts.count**0.5
    sheet = replace(sheet, gutter=min(sheet.gutter, room) if room >= 1 else 0.0)
    scale, places = _largest(upright, sheet)
    low = _low(upright)[0]
    uvs = (_by(charts.uvs, turned[charts.of]) - low[charts.of][:, None]) * scale
    sizes = _low(upright)[1] * scale
    # Quarters about the origin, then back into the first quadrant.
    back = np.stack(
        [[0 * sizes[:, 0], 0 * sizes[:, 0]], [sizes[:, 1], 0 * sizes[:, 0]], sizes.T, [0 * sizes[:, 0], sizes[:, 0]]]
    )
    shifts = places.shifts + back[places.turns, :, np.arange(charts.count)]
    placed = _by(uvs, TURNS[places.turns][charts.of]) + shifts[charts.of][:, None]
    # Without gutters a chart begins at the very border, and 1e-16 beyond it where moving it rounds.
    return Packed(np.clip(placed, 0.0, 1.0), sheet.gutter)


def _by(uvs: Doubles, matrices: Doubles) -> Doubles:
    """(f, 3, 2) by (f, 2, 2); written out, for a product of matrices rounds as the machine likes."""
    u, v, m = uvs[..., 0], uvs[..., 1], matrices[:, None]
    return np.stack([m[..., 0, 0] * u + m[..., 0, 1] * v, m[..., 1, 0] * u + m[..., 1, 1] * v], axis=2)


def _rim(skin: Skin, charts: Charts) -> Charts:
    """The triangles at the charts' borders: they alone touch others."""
    joined = joints(skin, charts.uvs) & (charts.of[skin.across] == charts.of[:, None])
    at = np.flatnonzero(~joined.all(axis=1))
    at = at[np.argsort(charts.of[at], kind="stable")]
    return Charts(charts.uvs[at], charts.of[at])


def _low(rim: Charts) -> tuple[Doubles, Doubles]:
    """(c, 2) least corner and size of each chart's box; triangles come chart by chart."""
    begin = np.flatnonzero(np.diff(rim.of, prepend=-1))
    low = np.minimum.reduceat(rim.uvs.min(axis=1), begin)
    return low, np.maximum.reduceat(rim.uvs.max(axis=1), begin) - low


def _upright(rim: Charts) -> Doubles:
    """(c, 2, 2) turns after which each chart's box is smallest."""
    best, chosen = np.full(rim.count, np.inf), np.zeros((rim.count, 2))
    cos, sin = 1.0, 0.0
    for _ in range(15):
        matrix = np.array([[cos, -sin], [sin, cos]])
        size = _low(replace(rim, uvs=_by(rim.uvs, np.broadcast_to(matrix, (len(rim.of), 2, 2)))))[1].prod(axis=1)
        better = size < best * (1 - 1e-6)
        best, chosen = np.where(better, size, best), np.where(better[:, None], [cos, sin], chosen)
        cos, sin = cos * STEP[0] - sin * STEP[1], sin * STEP[0] + cos * STEP[1]
    across, up = chosen.T
    return np.stack([np.stack([across, -up], axis=1), np.stack([up, across], axis=1)], axis=1)


def _largest(rim: Charts, sheet: Sheet) -> tuple[float, Places]:
    low, sizes = _low(rim)
    rim = replace(rim, uvs=rim.uvs - low[rim.of][:, None])
    place = _in_rows if rim.count > MANY else _dropped
    area = float((sizes[:, 0] * sizes[:, 1]).sum())
    tight, wide = 0.0, min(1.6 / max(np.sqrt(area), 1e-12), 0.999 / max(float(sizes.max()), 1e-12))
    best: Places | None = None
    steps = 0
    while best is None or steps < STEPS:
        scale = (tight + wide) / 2
        found = place(rim, sheet, scale)
        if found is None:
            wide = scale
        else:
            best, tight = found, scale
        steps += 1
        assert steps < 200  # at a scale of nothing whatever has room for its gutters fits
    return tight, best


def _dropped(rim: Charts, sheet: Sheet, scale: float) -> Places | None:
    side = min(SIDE, sheet.px)
    # Half of the gutter lies on each side of a chart, the sheet's border included.
    half = sheet.gutter / 2 * side / sheet.px
    sizes = _low(rim)[1] * (scale * side)
    order = np.argsort(-sizes.max(axis=1), kind="stable")
    wide = np.ceil(np.stack([sizes[:, turn % 2] for turn in range(4)], axis=1) + 2 * half + 1e-6).astype(np.int32)
    if wide.max() > side:
        return None
    cells = rim.uvs * (scale * side)
    a, b = cells[..., 0], cells[..., 1]
    right, up = sizes[rim.of, 0][:, None], sizes[rim.of, 1][:, None]
    turned = [np.stack(pair, axis=2) + half for pair in ((a, b), (up - b, a), (right - a, up - b), (b, right - a))]
    rank = np.argsort(order)
    rows = np.concatenate([4 * rank[rim.of] + turn for turn in range(4)]).astype(np.int32)
    starts, low, high = outlines(np.concatenate(turned), rows, wide[order].reshape(-1))
    places = drop(starts, *_widened(starts, low, high, half), side)[rank]
    if (places[:, 0] < 0).any():
        return None
    return Places(places[:, 0], (places[:, 1:] + half) / side)


def _widened(starts: Ints, low: Ints, high: Ints, half: float) -> tuple[Ints, Ints]:
    """Outlines with half of the gutter about them."""
    reach = int(np.ceil(half))
    columns = np.arange(len(low))
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    first, last = starts[:-1][owner], starts[1:][owner] - 1
    lows, highs = low, high
    for step in range(-reach, reach + 1):
        beside = np.clip(columns + step, first, last)
        lows, highs = np.minimum(lows, low[beside]), np.maximum(highs, high[beside])
    return np.maximum(lows - reach, 0).astype(np.int32), (highs + reach).astype(np.int32)


def _in_rows(rim: Charts, sheet: Sheet, scale: float) -> Places | None:
    gap = sheet.gutter / sheet.px
    sizes = _low(rim)[1] * scale + gap
    standing = sizes[:, 1] > sizes[:, 0]
    boxes = np.where(standing[:, None], sizes[:, ::-1], sizes)
    order = np.argsort(-boxes[:, 1], kind="stable")
    ends = np.cumsum(boxes[order, 0])
    shifts = np.empty((rim.count, 2))
    at, bottom = 0, 0.0
    while at < len(order):
        start = ends[at - 1] if at else 0.0
        stop = max(int(np.searchsorted(ends, start + 1.0, side="right")), at + 1)
        row = order[at:stop]
        shifts[row, 0], shifts[row, 1] = ends[at:stop] - boxes[row, 0] - start, bottom
        bottom += float(boxes[row[0], 1])
        at = stop
        if bottom > 1.0 or boxes[row[0], 0] > 1.0:
            return None
    return Places(standing.astype(np.int32), shifts + gap / 2)
