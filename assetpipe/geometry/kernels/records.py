# mypy: ignore-errors
"""The working state of a collapse, as the kernels see it, and the records in it.

Lengths are in units of a power of two near the extent of the surface (exact, and float32 neither over- nor underflows).
A vertex is one 64-byte record, so that what an edge costs lies in two cache lines:

    0-2   position
    3-8   A = xx xy xz yy yz zz     quadric about the vertex itself: x'Ax + 2b'x + c for an offset x from the vertex
    9-11  b                         (about a common origin float32 is not enough: rms 0.542 against 0.119)
    12    c
    13    area                      what the quadric is summed over; c / area is a squared distance
    14    doubt                     squared: how many times farther the surface was seen to stray here than that says

An attribute that is solved for is four numbers for each wedge: its slope in space, and its value at the vertex.
"""

from __future__ import annotations

import warp as wp

from assetpipe.elements import vec16f
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

RECORD = 16
C = wp.constant(12)
AREA = wp.constant(13)
DOUBT = wp.constant(14)
VALUE = wp.constant(3)

RING = wp.constant(512)
"""Corners at one vertex beyond which it is left alone until its neighbours have thinned out (the hub of a large fan):
keeps the walk round it from costing its valence each time."""

INNER = wp.constant(0)
"""No curve passes: free to move."""
CURVE = wp.constant(1)
"""One simple curve (seam, border, crease of attributes, edge of a material) passes."""
JUNCTION = wp.constant(2)
"""Curves meet, end or branch, or more than two faces share an edge."""
SORT = wp.constant(3)
"""The bits of a kind that say which of these it is."""
RIM = wp.constant(4)
"""Set in a kind when an open border or an edge of more than two faces passes."""
WAITING = wp.constant(8)
"""Set in the kind of a vertex that wants an edge collapsed which reaches out of its block."""

# columns of Mesh.near, one row per neighbour of the vertex that is visited
VERTEX, OUT, IN, A0, B0, A1, B1, SHARED, OTHERS, MIXED = (wp.constant(i) for i in range(10))
NEAR = wp.constant(10)

# columns of Mesh.ring, one row per corner: its number, its wedge; vertices and wedges of the two others of its face
AT, WEDGE, V1, V2, W1, W2 = (wp.constant(i) for i in range(6))
CORNER = wp.constant(6)
PLAN = wp.constant(15)
"""Numbers in a plan: what `plan` says, and from KEPT on the quadric that it was made by."""
COST, STRAYS = wp.constant(3), wp.constant(4)
KEPT = wp.constant(5)
HEIR = wp.constant(-2)
DEAD = 2.0**126
LATER = 16.0
"""What the threshold grows by until an edge that strays beyond the gate is weighed again."""
NEVER = 2.0**100
"""Key of a vertex that can do nothing for now; DEAD: for ever. Powers of two: the same in float32 and float64."""


@wp.struct
class Mesh:
    vertex: wp.array(dtype=wp.int32)  # (3f,) of each corner; -1: the face is gone
    wedge: wp.array(dtype=wp.int32)  # (3f,)
    next: wp.array(dtype=wp.int32)  # (3f,) next corner at the same vertex, -1 at the end; may pass through dead ones
    copies: wp.array(dtype=wp.int32)  # (f,)
    head: wp.array(dtype=wp.int32)  # (v,) first corner; -1: none; HEIR - h of a vertex that was joined to h
    slot: wp.array(dtype=wp.int32)  # (v,) row in `near`, counted from a clock that only rises
    kind: wp.array(dtype=wp.int8)  # (v,) INNER, CURVE or JUNCTION, and RIM
    record: wp.array(dtype=vec16f)  # (v,)
    key: wp.array(dtype=wp.float32)  # (v,) no edge that it owns (as the lower vertex) costs less; below 0: a guess
    solved: wp.array(dtype=wp.vec4f)  # (w * steering,) attributes that steer the collapse: slope in space, and value
    carried: wp.array(dtype=wp.float32)  # (w * (k - steering),) attributes that do not
    weight: wp.array(dtype=wp.float32)  # (w,) area
    seed: wp.array(dtype=wp.int32)  # (w,) wedge of the source
    place: wp.array(dtype=wp.int32)  # (w of the source,) where it is:
    places: wp.array(dtype=wp.vec3)  # (v of the source,) metres
    mu: wp.array(dtype=wp.float64)  # (k,) squared weights of the attributes; the first `steering` are not 0
    low: wp.array(dtype=wp.float32)  # (k,) range of the source
    high: wp.array(dtype=wp.float32)
    ring: wp.array(dtype=wp.int32)  # (2 * RING * CORNER,) round the vertex visited and round its neighbour
    near: wp.array(dtype=wp.int32)  # (2 * RING * NEAR,)
    choice: wp.array(dtype=wp.float64)  # (2 * RING * PLAN,) plan of the edge to each neighbour
    counts: wp.array(dtype=wp.int64)  # (4,) drawn triangles, collapses of this sweep, clock, refusals of this sweep
    worst: wp.array(dtype=wp.float64)  # (1,) largest squared error so far
    turn: wp.array(dtype=wp.int32)  # (1,) the next block, whoever sweeps it
    steering: wp.int32
    carrying: wp.int32
    textures: wp.int32  # UV sets in the first columns, two each, whose triangles may not flip
    stage: wp.int32
    centre: wp.vec3  # metres: the origin
    scale: wp.float32  # from metres
