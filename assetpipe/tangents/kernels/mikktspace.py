"""MikkTSpace in three passes: triangles -> directions of their UVs; corners -> groups; groups -> tangents.

M. S. Mikkelsen, Simulation of Wrinkled Surfaces Revisited, 2008, and the rules that engines agreed on since. Sums run
in float32 and in the order of the triangles, so that what rounds to nothing elsewhere rounds to nothing here.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

LEAST = wp.constant(1.1754944e-38)  # smallest normal float32: anything shorter has no direction


@wp.func
def _is_some(x: float) -> bool:
    return wp.abs(x) > LEAST


@wp.func
def _length(v: wp.vec3) -> float:
    return wp.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])


@wp.func
def _dot(a: wp.vec3, b: wp.vec3) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@wp.func
def _unit(v: wp.vec3) -> wp.vec3:
    if _is_some(v[0]) or _is_some(v[1]) or _is_some(v[2]):
        return (1.0 / _length(v)) * v
    return v


@wp.func
def _across(n: wp.vec3, v: wp.vec3) -> wp.vec3:
    """The unit part of v square to n."""
    return _unit(v - _dot(n, v) * n)


@wp.func
def _angle(cosine: float) -> float:
    """arccos to 2e-8, without a library's own rounding: Abramowitz and Stegun 4.4.46."""
    x = wp.min(wp.abs(cosine), 1.0)
    p = wp.float32(-0.0012624911)
    p = p * x + 0.0066700901
    p = p * x - 0.0170881256
    p = p * x + 0.0308918810
    p = p * x - 0.0501743046
    p = p * x + 0.0889789874
    p = p * x - 0.2145988016
    p = p * x + 1.5707963050
    p = p * wp.sqrt(1.0 - x)
    if cosine < 0.0:
        return 3.14159265358979 - p
    return p


@wp.kernel
def measure(
    faces: wp.array2d(dtype=int),
    positions: wp.array(dtype=wp.vec3),
    uvs: wp.array(dtype=wp.vec2),
    along: wp.array2d(dtype=wp.vec3),
    side: wp.array(dtype=int),
    free: wp.array(dtype=int),
) -> None:
    """along: (f, 2) unit, the way u and v grow. side: 1 where UVs turn as the triangle does. free: 1 where UVs give no
    direction, so that the triangle may join any group."""
    f = wp.tid()
    p0 = positions[faces[f, 0]]
    d1 = positions[faces[f, 1]] - p0
    d2 = positions[faces[f, 2]] - p0
    t0 = uvs[faces[f, 0]]
    t1 = uvs[faces[f, 1]] - t0
    t2 = uvs[faces[f, 2]] - t0
    area = t1[0] * t2[1] - t1[1] * t2[0]
    s = t2[1] * d1 - t1[1] * d2
    t = t1[0] * d2 - t2[0] * d1
    side[f] = wp.where(area > 0.0, 1, 0)
    free[f] = 1
    if _is_some(area):
        long_s, long_t = _length(s), _length(t)
        turn = wp.where(area > 0.0, 1.0, -1.0)
        if _is_some(long_s):
            s = (turn / long_s) * s
        if _is_some(long_t):
            t = (turn / long_t) * t
        if _is_some(long_s / wp.abs(area)) and _is_some(long_t / wp.abs(area)):
            free[f] = 0
    along[f, 0] = s
    along[f, 1] = t


@wp.kernel
def match(edges: wp.array(dtype=int), faces: wp.array2d(dtype=int), across: wp.array2d(dtype=int)) -> None:
    """edges: (3 f,) 3 * triangle + corner where it starts, those between the same two vertices side by side and by
    number. across: (f, 3) the triangle on the other side or -1; of more than two the first with the other turn."""
    for i in range(edges.shape[0]):
        f, c = edges[i] // 3, edges[i] % 3
        a, b = faces[f, c], faces[f, (c + 1) % 3]
        if across[f, c] < 0:
            j = i + 1
            while j < edges.shape[0]:
                g, d = edges[j] // 3, edges[j] % 3
                if faces[g, d] == b and faces[g, (d + 1) % 3] == a:
                    if across[g, d] < 0:
                        across[f, c] = g
                        across[g, d] = f
                        j = edges.shape[0]
                elif faces[g, d] != a or faces[g, (d + 1) % 3] != b:
                    j = edges.shape[0]
                j += 1


@wp.kernel
def gather(
    faces: wp.array2d(dtype=int),
    across: wp.array2d(dtype=int),
    free: wp.array(dtype=int),
    side: wp.array(dtype=int),
    group: wp.array2d(dtype=int),
    waiting: wp.array(dtype=int),
) -> None:
    """group: (f, 3) the corner 3 * triangle + corner that founded the group, or -1. Groups are the fans of triangles
    about a vertex that are mirrored alike; one without UVs takes the side of the first fan that reaches it."""
    for f in range(faces.shape[0]):
        for c in range(3):
            if free[f] == 0 and group[f, c] < 0:
                founder = 3 * f + c
                vertex = faces[f, c]
                group[f, c] = founder
                waiting[0] = across[f, c]
                waiting[1] = across[f, (c + 2) % 3]
                left = wp.int32(2)
                while left > 0:
                    left -= 1
                    g = waiting[left]
                    if g >= 0:
                        d = wp.int32(0)
                        if faces[g, 1] == vertex:
                            d = 1
                        if faces[g, 2] == vertex:
                            d = 2
                        if group[g, d] < 0:
                            if free[g] == 1 and group[g, 0] < 0 and group[g, 1] < 0 and group[g, 2] < 0:
                                side[g] = side[f]
                            if side[g] == side[f]:
                                group[g, d] = founder
                                waiting[left] = across[g, d]
                                waiting[left + 1] = across[g, (d + 2) % 3]
                                left += 2


@wp.func
def _share(
    corner: int,
    faces: wp.array2d(dtype=int),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    along: wp.array2d(dtype=wp.vec3),
) -> wp.vec3:
    """What a corner gives to its group: the way u grows, square to the normal, by the angle at the corner."""
    f, c = corner // 3, corner % 3
    n = normals[faces[f, c]]
    p = positions[faces[f, c]]
    back = _across(n, positions[faces[f, (c + 2) % 3]] - p)
    ahead = _across(n, positions[faces[f, (c + 1) % 3]] - p)
    return _angle(wp.clamp(_dot(back, ahead), -1.0, 1.0)) * _across(n, along[f, 0])


@wp.kernel
def add(
    faces: wp.array2d(dtype=int),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    along: wp.array2d(dtype=wp.vec3),
    free: wp.array(dtype=int),
    group: wp.array(dtype=int),
    total: wp.array(dtype=wp.vec3),
) -> None:
    """total: (3 f,) at each founder the tangent of its group."""
    for i in range(group.shape[0]):
        if group[i] >= 0 and free[i // 3] == 0:
            total[group[i]] = total[group[i]] + _share(i, faces, positions, normals, along)
    for i in range(group.shape[0]):
        if group[i] == i:
            total[i] = _unit(total[i])


@wp.kernel
def lean(
    faces: wp.array2d(dtype=int),
    normals: wp.array(dtype=wp.vec3),
    along: wp.array2d(dtype=wp.vec3),
    free: wp.array(dtype=int),
    group: wp.array(dtype=int),
    total: wp.array(dtype=wp.vec3),
    torn: wp.array(dtype=int),
) -> None:
    """torn: (3 f,) 1 at the founder of a group in which some direction is square to the tangent or worse: of two
    that are opposite, one is."""
    i = wp.tid()
    g = group[i]
    if g >= 0 and free[i // 3] == 0:
        n = normals[faces[i // 3, i % 3]]
        s = _dot(_across(n, along[i // 3, 0]), total[g])
        t = _dot(_across(n, along[i // 3, 1]), _across(n, along[g // 3, 1]))
        if s < 0.001 or t < 0.001:
            torn[g] = 1


@wp.kernel
def part(
    corners: wp.array(dtype=int),
    first: wp.array(dtype=int),
    faces: wp.array2d(dtype=int),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    along: wp.array2d(dtype=wp.vec3),
    free: wp.array(dtype=int),
    tangents: wp.array(dtype=wp.vec3),
) -> None:
    """corners: (n,) of torn groups, group by group; first: (n + 1,) where the group of each starts, and n. A corner
    leaves out the members that point exactly the other way than itself."""
    i = wp.tid()
    own = corners[i]
    n = normals[faces[own // 3, own % 3]]
    s, t = _across(n, along[own // 3, 0]), _across(n, along[own // 3, 1])
    total = wp.vec3(0.0, 0.0, 0.0)
    j = first[i]
    while j < corners.shape[0] and first[j] == first[i]:
        f, c = corners[j] // 3, corners[j] % 3
        if free[f] == 0:
            m = normals[faces[f, c]]
            near = _dot(s, _across(m, along[f, 0])) > -1.0 and _dot(t, _across(m, along[f, 1])) > -1.0
            if near or free[own // 3] == 1 or f == own // 3:
                total = total + _share(corners[j], faces, positions, normals, along)
        j += 1
    tangents[own] = _unit(total)


@wp.kernel
def split(
    corners: wp.array(dtype=int),
    tangents: wp.array(dtype=wp.vec4),
    made: wp.array(dtype=int),
    founder: wp.array(dtype=int),
    following: wp.array(dtype=int),
    source: wp.array(dtype=int),
    count: wp.array(dtype=int),
) -> None:
    """corners: (n,) vertex of each corner. made: (n,) its new vertex: the old one for the first tangent met there, one
    past the end for each further one. founder: (m,) a corner with the tangent of each new vertex, -1 where unused."""
    for i in range(corners.shape[0]):
        at = wp.int32(corners[i])
        last = wp.int32(at)
        if founder[at] < 0:
            founder[at] = i
        while at >= 0 and not (tangents[founder[at]] == tangents[i]):  # noqa: SIM201 Warp has no other
            last = at
            at = following[at]
        if at < 0:
            at = count[0]
            count[0] = at + 1
            following[last] = at
            founder[at] = i
            source[at] = corners[i]
        made[i] = at
