"""What the source's shape becomes in a level's normal map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Array
from assetpipe.baking import BakeRequest, Coat, Surface
from tests import shapes
from tests.baking.scenes import (
    at_texels,
    baked,
    colour_layer,
    decoded,
    degrees,
    joined,
    moved_uvs,
    normal_layer,
    picture,
    sheet,
    shown,
    square,
    surface,
    unit,
    with_tangents,
)

GOLD = (1 + 5**0.5) / 2


def icosahedron(*, flat: bool) -> Surface:
    """On the unit sphere, each face a chart of its own."""
    corners = np.array(
        [(0, a, b * GOLD) for a in (-1, 1) for b in (-1, 1)]
        + [(a, b * GOLD, 0) for a in (-1, 1) for b in (-1, 1)]
        + [(b * GOLD, 0, a) for a in (-1, 1) for b in (-1, 1)]
    )
    faces = [
        (i, j, k) if np.linalg.det(corners[[i, j, k]]) > 0 else (i, k, j)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if all(abs(np.linalg.norm(corners[a] - corners[b]) - 2) < 1e-6 for a, b in ((i, j), (j, k), (k, i)))
    ]
    points = unit(corners[np.array(faces)].reshape(-1, 3)).astype(np.float32)
    cell = np.array([(0.1, 0.9), (0.9, 0.9), (0.5, 0.1)])
    uvs = np.concatenate([(cell + np.array([at % 5, at // 5])) / (5, 4) for at in range(20)]).astype(np.float32)
    normals = np.repeat(unit(points.reshape(-1, 3, 3).sum(axis=1)), 3, axis=0) if flat else points
    return with_tangents(Surface(points, np.arange(60, dtype=np.uint32), normals.astype(np.float32), uvs={0: uvs}))


def ball() -> Surface:
    return surface(shapes.sphere(192))


def test_a_sphere_on_an_icosahedron_keeps_its_normals() -> None:
    """A unit sphere baked onto an icosahedron gives the sphere's normals within a degree at every texel."""
    level, px = icosahedron(flat=False), 256
    result = baked(ball(), level, [normal_layer()], BakeRequest(px, distance=0.42))
    texels = shown(level, px)
    points = at_texels(level, level.positions, texels)
    assert result.misses == 0
    assert result.coverage[texels.y, texels.x].all()
    assert degrees(decoded(level, result.maps["normal"], texels), points).max() < 1.0


def test_rays_of_both_sides_meet_at_a_hard_edge() -> None:
    """On flat faces the cage leans over the edges, so that nothing between them is left out."""
    level, px = icosahedron(flat=True), 256
    result = baked(ball(), level, [normal_layer()], BakeRequest(px, distance=0.42))
    texels = shown(level, px)
    points, edge = at_texels(level, level.positions, texels), texels.weights.min(axis=1) < 0.01
    assert degrees(decoded(level, result.maps["normal"], texels), points)[edge].max() < 2.5


def test_rays_stand_upright_away_from_hard_edges() -> None:
    """Two reaches from its edges a flat face sees the sphere straight above it."""
    level, px, radius = icosahedron(flat=True), 256, 0.85
    source = replace(ball(), positions=ball().positions * np.float32(radius))
    result = baked(source, level, [normal_layer()], BakeRequest(px, distance=0.06))
    texels = shown(level, px)
    points = at_texels(level, level.positions, texels)
    assert level.normals is not None
    upright = level.normals[level.indices.reshape(-1, 3)[texels.faces, 0]]
    beside = points - upright * (points * upright).sum(axis=1, keepdims=True)
    above = beside + upright * np.sqrt(np.clip(radius**2 - (beside**2).sum(axis=1, keepdims=True), 0, 1))
    inside = texels.weights.min(axis=1) * 0.91 > 0.13  # a face is 0.91 high
    assert inside.mean() > 0.3
    assert degrees(decoded(level, result.maps["normal"], texels), above)[inside].max() < 1.0


def test_mirrored_uvs_keep_their_hand() -> None:
    """A chart that is mirrored in the atlas (w = -1) shows the same normals in space as one that is not."""
    px = 64
    waves = surface(shapes.torus(96))
    half = moved_uvs(surface(shapes.torus(32)), (0.5, 1), (0, 0))
    mirrored = with_tangents(moved_uvs(half, (-1, 1), (1, 0)))
    for level in (with_tangents(half), mirrored):
        result = baked(waves, level, [normal_layer()], BakeRequest(px, distance=0.05))
        texels = shown(level, px)
        points = at_texels(level, level.positions, texels)
        ring = unit(points * (1, 0, 1))
        assert degrees(decoded(level, result.maps["normal"], texels), points - ring).max() < 2.0
    assert (mirrored.tangents[:, 3] == -with_tangents(half).tangents[:, 3]).all()  # type: ignore[index]


def bumps(px: int) -> Array:
    """A smooth tangent-space normal map."""
    v, u = np.mgrid[:px, :px] / px * 2 * np.pi
    normals = unit(np.stack([0.4 * np.sin(3 * u), 0.3 * np.cos(2 * v), np.ones_like(u)], axis=-1))
    return np.round((normals * 0.5 + 0.5) * 255).astype(np.uint8)


def test_the_sources_normal_map_survives_where_nothing_was_decimated() -> None:
    """Source and level the same: the map comes back within two steps of 255, with the source's tangents and without."""
    px = 128
    shape = surface(shapes.torus(48))
    for source, loss in ((shape, 2), (replace(shape, tangents=None), 4)):
        result = baked(source, shape, [normal_layer(Coat(picture(bumps(px))))], BakeRequest(px, 0.01, samples=1))
        off = np.abs(result.maps["normal"].astype(int) - bumps(px))[4:-4, 4:-4]
        assert result.misses == 0
        assert off.max() <= loss


def test_a_normal_map_is_turned_with_the_charts() -> None:
    """Source and level show the same surface with UVs a quarter turn apart: in space the normals are the same."""
    px = 128
    source = square()
    level = with_tangents(replace(source, uvs={0: np.stack([source.uvs[0][:, 1], 1 - source.uvs[0][:, 0]], axis=1)}))
    tilted = np.full((4, 4, 3), (128 + 90, 128, 128 + 90), np.uint8)
    result = baked(source, level, [normal_layer(Coat(picture(tilted)))], BakeRequest(px, 0.01))
    assert degrees(decoded(level, result.maps["normal"], shown(level, px)), np.array([1.0, 0, 1.0])).max() < 0.7


def test_a_picture_that_is_turned_turns_its_vectors_where_there_are_no_tangents() -> None:
    """A quarter turn by KHR_texture_transform: viewers make tangents where the picture lies, and take those of the file
    as they are."""
    px, source = 64, square()
    tilted = Coat(picture(np.full((4, 4, 3), (128 + 90, 128, 128 + 90), np.uint8)), matrix=(0, 1, 0, -1, 0, 1))
    for own, wanted in ((replace(source, tangents=None), (0, -1, 1)), (source, (1, 0, 1))):
        result = baked(own, source, [normal_layer(tilted)], BakeRequest(px, 0.01))
        assert degrees(decoded(source, result.maps["normal"], shown(source, px)), np.array(wanted)).max() < 0.7


def test_normal_scale_bends_less() -> None:
    """normalTexture.scale reaches the texels: the level's map has a scale of 1."""
    tilted = np.full((4, 4, 3), (128 + 90, 128, 128 + 90), np.uint8)
    coat = Coat(picture(tilted), factor=(0.5, 0.5, 1.0, 1.0))
    result = baked(square(), square(), [normal_layer(coat)], BakeRequest(32, 0.01))
    x, _, z = result.maps["normal"][16, 16] / 255.0 * 2 - 1
    assert abs(x / z - 0.5) < 0.02


def test_a_source_without_normals_is_flat() -> None:
    """Where the source has no vertex normals its faces give them."""
    roof = joined(
        sheet([(-1, 0, 0), (0, 0, 1), (0, 1, 1), (-1, 1, 0)], [(0, 0), (1, 0), (1, 1), (0, 1)]),
        sheet([(0, 0, 1), (1, 0, 0), (1, 1, 0), (0, 1, 1)], [(0, 0), (1, 0), (1, 1), (0, 1)]),
    )
    level = sheet([(-1, 0, 0.5), (1, 0, 0.5), (1, 1, 0.5), (-1, 1, 0.5)], [(0, 1), (1, 1), (1, 0), (0, 0)])
    bare = replace(roof, normals=None, tangents=None, materials=None)
    result = baked(bare, level, [normal_layer()], BakeRequest(64, 0.6, samples=1))
    texels = shown(level, 64)
    left = texels.x < 32
    normals = decoded(level, result.maps["normal"], texels)
    assert degrees(normals[left], np.array([-1.0, 0, 1.0])).max() < 0.7
    assert degrees(normals[~left], np.array([1.0, 0, 1.0])).max() < 0.7


def test_stripes_on_a_plate_are_not_skewed() -> None:
    """A thin box whose source lies 0.02 off its level all round: away from the edges each texel shows what is straight
    above it, though the corners' mean normals lean by 55 degrees."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, 1::2] = 255
    plate = surface(shapes.box(1.0))
    thin = replace(plate, positions=plate.positions * np.array([1, 0.1, 1], np.float32))
    size = 1 + np.array([0.04, 0.4, 0.04], np.float32)
    source = replace(thin, positions=thin.positions * size)
    faces = np.repeat(np.arange(6), 4)
    charts = thin.uvs[0] * np.array([0.3, 0.45]) + np.stack([faces % 3 / 3 + 0.01, faces // 3 / 2 + 0.02], axis=1)
    level = with_tangents(replace(thin, uvs={0: charts.astype(np.float32)}))
    result = baked(source, level, [colour_layer(Coat(picture(stripes)))], BakeRequest(512, 0.03, samples=1))
    texels = shown(level, 512)
    points, normals = at_texels(level, level.positions, texels), at_texels(level, level.normals, texels)
    flat = (np.abs(normals[:, 1]) > 0.9) & (np.abs(points[:, [0, 2]]).max(axis=1) < 0.4)
    across = at_texels(level, thin.uvs[0], texels)[:, 0] - 0.5
    expected = ((across / 1.04 + 0.5) * 64 - 0.5) % 2  # 0 black, 1 white
    white = np.abs(expected - 1) < 0.3
    black = np.minimum(expected, 2 - expected) < 0.3
    seen = result.maps["baseColor"][texels.y, texels.x, 0]
    assert (seen[flat & white] > 150).all()
    assert (seen[flat & black] < 170).all()
    assert (flat & white).sum() > 500
