"""Ambient occlusion against closed forms, and what it makes of sheets, of closed bodies and of places nobody sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.baking import BakeRequest, Occlusion, Surface, bake, stage_source
from tests import shapes
from tests.baking.scenes import joined, sheet, square, surface

PX = 96
CAST = 0.015
"""What 64 rays of a texel may be off by."""


def cast(source: Surface, level: Surface, *, reach: float = 1e4, px: int = PX) -> Array:
    """(px, px) 0..1. `reach` in metres; when it is far larger than the source, what is met counts in full."""
    staged = stage_source(replace(source, materials=None), (), "cpu")
    asked = Occlusion(rays=64, reach=reach / staged.size)
    made = bake(staged, level, BakeRequest(px, 0.01, samples=4, occlusion=asked)).maps["occlusion"]
    assert made.shape == (px, px, 1)
    return np.asarray(made[..., 0] / 255.0)


def places(px: int = PX, size: float = 2.0) -> tuple[Array, Array]:
    """x and y of the texels of a square's picture."""
    at = ((np.arange(px) + 0.5) / px - 0.5) * size
    x, y = np.meshgrid(at, -at)
    return x, y


def moved(made: Surface, x: float, y: float, z: float) -> Surface:
    return replace(made, positions=made.positions + np.array([x, y, z], np.float32))


def ball(radius: float, z: float) -> Surface:
    return moved(surface(shapes.sphere(96, radius)), 0.0, 0.0, z)


def block(size: float, z: float) -> Surface:
    """A closed box that stands at height z."""
    return moved(surface(shapes.box(size)), 0.0, 0.0, z + size / 2)


def test_a_ball_on_the_ground_takes_what_its_form_factor_says() -> None:
    """Of a place's sky a ball of radius r that touches the ground hides r³ / (r² + d²)^1.5 at distance d."""
    radius, ground = 0.4, square(size=2.0)
    found, (x, y) = cast(joined(ground, ball(radius, radius)), ground), places()
    away = np.hypot(x, y)
    wanted = 1 - radius**3 / (radius**2 + away**2) ** 1.5
    clear = away > 0.1
    assert np.abs(found - wanted)[clear].max() < 4 * CAST
    assert np.abs(found - wanted)[clear].mean() < CAST
    assert found[away < 0.05].max() < 0.05


@pytest.mark.parametrize("reach", [0.3, 0.8])
def test_a_wall_darkens_the_less_the_farther_away_it_is(reach: float) -> None:
    """Cosine-weighted directions are an even disc from above. What lies u towards the wall meets it at x / u and hides
    1 - x / (u reach) of what it is worth; nothing does beyond the reach."""
    ground = square(size=2.0)
    wall = sheet([(0, -50, 0), (0, 50, 0), (0, 50, 50), (0, -50, 50)], [(0, 0), (1, 0), (1, 1), (0, 1)])
    found, (x, _) = cast(joined(ground, wall), ground, reach=reach), places()
    u = np.linspace(0, 1, 4001)[1:]
    hides = [(np.clip(1 - at / (u * reach), 0, 1) * np.sqrt(1 - u * u)).mean() * 2 / np.pi for at in x[0, PX // 2 :]]
    np.testing.assert_allclose(found[:, PX // 2 :].mean(axis=0), 1 - np.array(hides), atol=CAST)
    assert (found[x > reach * 1.02] == 1).all()


def test_a_room_is_dark_in_its_creases_and_darkest_in_its_corners() -> None:
    """A box seen from within, two reaches wide: the middle of a wall is open, an edge sees half, a corner a quarter."""
    room = surface(shapes.box(2.0))
    room = replace(room, indices=room.indices.reshape(-1, 3)[:, ::-1].reshape(-1).copy(), normals=-room.normals)  # type: ignore[operator]
    floor = square(-1.0, size=2.0)
    found, (x, y) = cast(room, floor, reach=0.5), places()
    edge = np.minimum(1 - np.abs(x), 1 - np.abs(y))
    corner = np.maximum(1 - np.abs(x), 1 - np.abs(y))
    assert (found[edge > 0.55] == 1).all()
    assert abs(found[(edge < 0.03) & (corner > 0.6)].mean() - 0.53) < 0.04
    assert found[corner < 0.03].max() < 0.4
    assert (np.diff(found[PX // 2, : PX // 2]) >= -0.02).all()


def test_a_sheet_that_lies_on_its_face_is_not_black() -> None:
    """Both of its sides are drawn, and share their texels: the one that the sky is above counts. Drawn from its front
    alone nobody sees it from above, and it stays as dark as it is."""
    ground, cloth = square(size=2.0), square(0.002, size=1.0, facing=-1.0)
    source = joined(ground, cloth)
    both = replace(source, two_sided=np.array([0, 0, 1, 1]))
    inner = slice(PX // 8, -PX // 8)
    assert cast(both, cloth)[inner, inner].min() > 0.99
    assert cast(source, cloth)[inner, inner].max() < 0.05


def test_a_closed_body_that_is_drawn_from_both_sides_is_shaded_from_without() -> None:
    """Exporters write doubleSided as a rule: the wide inside of a box does not brighten its outside."""
    ground, body = square(size=2.0), block(0.6, 0.0)
    level = replace(body, uvs={0: body.uvs[0] * 0.3 + np.repeat(np.arange(6), 4)[:, None] * np.array([0.16, 0.1])})
    source = joined(ground, body)
    both = replace(source, two_sided=np.ones(source.triangles, int))
    one, other = (cast(each, level, reach=0.2) for each in (source, both))
    np.testing.assert_array_equal(one, other)
    assert one.min() < 0.6


def test_a_body_inside_out_is_shaded_from_where_it_is_seen() -> None:
    """Its faces look inwards, and its material is drawn from both sides."""
    ground, body = square(size=4.0), block(0.6, 0.5)
    out = replace(body, indices=body.indices.reshape(-1, 3)[:, ::-1].reshape(-1).copy(), normals=-body.normals)  # type: ignore[operator]
    source = replace(joined(ground, out), two_sided=np.array([0] * 2 + [1] * 12))
    found = cast(source, out, reach=0.4)
    assert found[PX // 2, PX // 2] == 1


def test_what_nobody_sees_takes_its_neighbours_shade() -> None:
    """Ground under a block that stands on it: neither black, which would spread in smaller copies of the picture, nor
    light, which would shine through along the edge. Beside the block half of the sky is hidden."""
    ground = square(size=2.0)
    found, (x, y) = cast(joined(ground, block(0.8, 0.0)), ground), places()
    away = np.maximum(np.abs(x), np.abs(y))
    beside = found[(away > 0.4) & (away < 0.44)]
    assert found[away < 0.38].min() > beside.min() - 0.02
    assert found[away < 0.38].max() < beside.max() + 0.02
    assert np.median(beside) < 0.58


def test_nothing_that_casts_leaves_all_light() -> None:
    """A convex body, a source without triangles, triangles without area."""
    body = surface(shapes.sphere(48))
    assert (cast(body, body) == 1).all()
    none = replace(body, indices=np.zeros(0, np.uint32))
    assert (cast(none, body) == 1).all()
    thin = replace(body, positions=body.positions * np.array([1, 0, 0], np.float32))
    assert (cast(thin, body) == 1).all()
