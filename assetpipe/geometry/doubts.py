"""Where a level strays farther than it may -> where the collapse's own estimate is to be doubted, and how much.

The collapse knows the rms distance to the planes that a vertex stands for; a fold that is small against them hides in
the mean. What strays is one sample in a thousand: the vertices there are given a factor, which every vertex that takes
them in inherits, and the descent is gone through again. (A stricter rule for the whole surface would cost half as many
triangles again, this one a twentieth.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array
from assetpipe.geometry.deviation import Apart
from assetpipe.geometry.join import Joined
from assetpipe.geometry.surface import Floats, Surface
from assetpipe.geometry.world import Longs

MARGIN = 1.5
MOST = 8.0
"""Of a factor, each time."""
RINGS = 2
"""Of triangles round each place that has strayed."""


@dataclass(frozen=True, eq=False)
class Astray:
    """Samples that lie farther from the other surface than they may."""

    faces: Longs
    """(n,) of the undecimated surface."""
    excess: Floats
    """(n,) how many times as far as they may."""

    def on(self, faces: Array) -> Astray:
        """Those on `faces` (f,) bool."""
        kept = faces[self.faces]
        return Astray(self.faces[kept], self.excess[kept])


def find_astray(joined: Joined, apart: Apart, allowed: float) -> Astray:
    over = np.flatnonzero((apart.far > allowed) & (apart.faces >= 0))
    return Astray(_faces(joined, apart, apart.faces[over]), apart.far[over] / np.float32(allowed))


def raise_doubts(surface: Surface, astray: Astray) -> Surface:
    vertices = surface.wedge_vertex[surface.corners]
    factors = np.ones(len(surface.positions), np.float32)
    np.maximum.at(factors, vertices[astray.faces], np.minimum(MARGIN * astray.excess, MOST)[:, None])
    for _ in range(RINGS):
        around = factors[vertices].max(axis=1)
        near = np.flatnonzero(around > 1)
        np.maximum.at(factors, vertices[near], around[near, None])
    return surface.doubting(factors if surface.doubts is None else surface.doubts * factors)


def _faces(joined: Joined, apart: Apart, drawn: Longs) -> Longs:
    """Of the surface, for the (n,) drawn triangles."""
    ends = np.cumsum([part.source.triangles for part in joined.parts])
    firsts = {
        (part.mesh, part.primitive): end - part.source.triangles for part, end in zip(joined.parts, ends, strict=True)
    }
    blocks = apart.source.blocks
    starts = np.cumsum([0, *(block.triangles for block in blocks)])
    block = np.searchsorted(starts, drawn, side="right") - 1
    first = np.array([firsts[each.mesh, each.primitive] for each in blocks])
    faces: Longs = drawn - starts[block] + first[block]
    return faces
