"""Sights -> which of the faces some ray from outside reaches, with a ring of others about them.

Searched in the manner of ambient occlusion, from each face outwards:

1. a few rays from every face: most faces of most models are seen at once;
2. more from the rest, by their area and by how small the piece is that they belong to;
3. from the neighbours of a face that is seen along the way by which it is: light that falls deep into a gap is found so
   with a tenth of the rays; until nothing new comes to light;
4. one ring of faces about all that has been seen stays too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Floats
from assetpipe.geometry.sights import Bools, Sights
from assetpipe.groups import label_pieces
from assetpipe.queries.visibility import ROWS, THREADS, Ints, Onlookers

QUICK = 8  # rays from each face
REST = 1_000_000  # from all that are still unseen together, as many from one as the next:
LEAST, ENOUGH = 32, 1_024  # but so many from each
PIECE = 4_096  # from all faces of a connected piece together
PER_AREA = 65_536  # from one radius squared: a picture of 500 pixels would have as many there
UNKNOWN, HEARD, KNOWN = 0, 1, 2
"""Of a way out of a point: none, that of a neighbour's neighbour, that of a face at the point itself."""


def look(sights: Sights, *, threads: int = THREADS) -> Bools:
    """(f,) which faces stay."""
    search = _Search(sights, Onlookers(sights.points, sights.corners, sights.blocks, threads=threads))
    found = search.cast(search.start(), 0, QUICK)
    found = search.cast(found, QUICK, np.maximum(_by_piece(sights, found.seen), _by_area(sights)))
    while (fresh := found.fresh).any():
        found = search.follow(replace(found, fresh=np.zeros_like(fresh)), fresh)
    return search.near(found.seen)


@dataclass(frozen=True, eq=False)
class _Found:
    seen: Bools
    """(f,)"""
    ways: Floats
    """(n, 3) a way out of each point"""
    known: NDArray[np.uint8]
    """(n,) how well"""
    fresh: Bools
    """(n,) whether the way is news to the faces there"""


@dataclass(frozen=True, eq=False)
class _Search:
    sights: Sights
    onlookers: Onlookers

    def start(self) -> _Found:
        count = len(self.sights.points)
        seen = np.zeros(len(self.sights.corners), bool)
        return _Found(seen, np.zeros((count, 3), np.float32), np.zeros(count, np.uint8), np.zeros(count, bool))

    def cast(self, found: _Found, first: int, stop: Ints | int) -> _Found:
        """With what the faces not yet seen find by their rays first..stop, (f,) or the same for all."""
        faces = np.flatnonzero(~found.seen).astype(np.int32)
        stops = np.minimum(np.broadcast_to(stop, found.seen.shape)[faces], ROWS)
        ways = self.onlookers.see(faces, self.sights.sides[faces], (np.full(len(faces), first), stops))
        return self._learn(found, faces, ways)

    def follow(self, found: _Found, fresh: Bools) -> _Found:
        """With what unseen faces find that hear of a way out of one of their corners."""
        for corner in range(3):
            point = self.sights.corners[:, corner]
            faces = np.flatnonzero(~found.seen & fresh[point]).astype(np.int32)
            guides = found.ways[point[faces]]
            ways = self.onlookers.follow(faces, self.sights.sides[faces], guides)
            found = self._learn(found, faces, ways)
            lost = ~found.seen[faces] & (found.known[point[faces]] == KNOWN)
            found = self._tell(found, self.sights.corners[faces[lost]], guides[lost], HEARD)
        return found

    def near(self, faces: Bools) -> Bools:
        """(f,) with those that share a corner with them."""
        touched = np.zeros(len(self.sights.points), bool)
        touched[self.sights.corners[faces]] = True
        near: Bools = np.asarray(touched[self.sights.corners].any(axis=1))
        return near

    def _learn(self, found: _Found, faces: Ints, ways: Floats) -> _Found:
        out = np.asarray(ways.any(axis=1))
        seen = found.seen.copy()
        seen[faces[out]] = True
        return self._tell(replace(found, seen=seen), self.sights.corners[faces[out]], ways[out], KNOWN)

    def _tell(self, found: _Found, corners: Ints, ways: Floats, known: int) -> _Found:
        """Points that knew less learn the way of the first of the faces (m, 3) there."""
        open_points = np.zeros(len(self.sights.points), bool)
        open_points[self.sights.corners[~found.seen]] = True
        news = np.flatnonzero((open_points & (found.known < known))[corners.ravel()])
        points, first = np.unique(corners.ravel()[news], return_index=True)
        told = _Found(found.seen, found.ways.copy(), found.known.copy(), found.fresh.copy())
        told.ways[points], told.known[points], told.fresh[points] = ways[news[first] // 3], known, True
        return told


def _by_area(sights: Sights) -> Ints:
    return np.minimum(sights.areas * PER_AREA, ROWS).astype(np.int32)


def _by_piece(sights: Sights, seen: Bools) -> Ints:
    """(f,) rays: an unseen piece of few faces asks more of each of them."""
    rays = np.zeros(len(seen), np.int32)
    corners = sights.corners[~seen]
    if len(corners):
        labels = label_pieces(corners, len(sights.points))[corners[:, 0]]
        faces = np.bincount(labels)[labels]
        rays[~seen] = np.clip(np.maximum(PIECE // faces, REST // len(corners)), LEAST, ENOUGH)
    return rays
