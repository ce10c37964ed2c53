"""What is drawn and what is not: coverage, depth, sides, shadows, and how few samples do."""

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.quality.cameras import Camera, three_quarter, views
from assetpipe.quality.drawables import Box, Texture, drawn_box
from assetpipe.quality.render import Look, render
from tests.quality.drawing import PLAIN, RED, WHITE, colour_at, drawable, front, matt, square, texels
from tests.shapes import box, sphere, torus


def test_a_sphere_covers_the_disc_that_it_is() -> None:
    """Coverage is anti-aliased area: exact to a fraction of a percent."""
    frame = front(drawable(sphere(128)), px=128)
    assert frame.coverage.mean() == pytest.approx(np.pi / 4 / 1.02**2, rel=0.004)
    assert frame.coverage.max() == 1.0
    assert 0 < frame.coverage[64, 2] < 1 or frame.coverage[64, 1] > 0


def test_depth_is_metres_from_the_camera() -> None:
    """The front of a box of 2 m lies one metre before its middle; beside it there is nothing."""
    camera = views(Box(np.full(3, -1.0), np.full(3, 1.0)), 1)[0]
    frame = render([drawable(box(1.0))], {}, camera, 64, PLAIN)
    assert frame.depth[32, 32] == pytest.approx(camera.eye[2] - 0.5, rel=1e-5)
    assert np.isinf(frame.depth[2, 2])


def test_the_back_of_a_single_sided_surface_is_not_there() -> None:
    """Culling is glTF's: counter-clockwise is the front."""
    turned = replace(square(), indices=square().indices.reshape(-1, 3)[:, ::-1].reshape(-1).copy())
    assert front(drawable(turned, matt())).coverage.max() == 0
    assert front(drawable(turned, {**matt(), "doubleSided": True})).coverage[32, 32] == 1


def test_both_sides_of_a_double_sided_surface_are_lit() -> None:
    """A normal that points away is turned towards the viewer."""
    away = replace(drawable(square(), {**matt(), "doubleSided": True}), normals=np.tile(np.float32([0, 0, -1]), (4, 1)))
    assert colour_at(front(away), 0.5, 0.5) == colour_at(front(drawable(square(), matt())), 0.5, 0.5)


def test_things_shade_each_other_and_the_ground() -> None:
    """A plate just above a floor darkens it; the ground's shadow is in the picture but not in the coverage."""
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
    lying = replace(
        square(), attributes={name: (a @ turn if a.shape[1] == 3 else a) for name, a in square().attributes.items()}
    )
    floor, plate = drawable(lying, matt()), drawable(box(0.6), matt(), (0, 0.31, 0))
    camera = Camera(
        np.array([0, 2.0, 4.0]), np.array([0.4, 0, 0]), np.array([0, 0.36, -0.18]), np.array([0, -0.4472, -0.8944])
    )
    open_floor = render([floor], {}, camera, 64, Look(samples=1, rays=16)).light[40, 32, 1]
    shaded = render([floor, plate], {}, camera, 64, Look(samples=1, rays=16)).light
    assert shaded[..., 1][shaded[..., 3] > 0].min() < 0.7 * open_floor
    ground = render([plate], {}, camera, 128, Look(ground=True))
    shadow = (ground.coverage == 0) & (ground.light[..., 3] > 0.1)
    assert shadow.sum() > 30
    assert ground.light[0, 0, 3] == 0


def test_a_lining_that_is_culled_does_not_blacken_what_it_lies_before_by_less_than_a_pixel() -> None:
    """A level may stray by half a pixel, a thin shell's inside through its outside; farther off it does shade."""
    turned = replace(square(), indices=square().indices.reshape(-1, 3)[:, ::-1].reshape(-1).copy())
    shell = drawable(square(), matt())
    camera = views(drawn_box([shell]), 1)[0]
    pixel = 2.04 / 64

    def middle(*linings: float) -> float:
        shown = [shell, *(drawable(turned, matt(), (0, 0, away)) for away in linings)]
        return float(render(shown, {}, camera, 64, Look(samples=1, rays=16)).light[32, 32, 1])

    assert middle(0.5 * pixel) == pytest.approx(middle(), rel=1e-3)
    assert middle(3 * pixel) < 0.7 * middle()


def test_fewer_samples_make_the_picture_of_many() -> None:
    """What neighbours share, and pixels that need no second sample, bring it nearer to 64 samples a pixel than four
    samples each with rays of its own are: shadows, edges, a checker finer than a pixel and glass."""
    checker = texels(*[[RED, WHITE] * 8, [WHITE, RED] * 8] * 8)
    shown = [
        drawable(torus(48), matt(baseColorTexture={"index": 0})),
        drawable(box(0.5), {**matt(baseColorFactor=[0.2, 0.3, 1, 0.5]), "alphaMode": "BLEND"}, (0.3, 0.2, 0.9)),
        drawable(box(2.0), matt(baseColorFactor=[0.6, 0.6, 0.6, 1]), (0, -2.2, 0)),
    ]
    camera = three_quarter(shown, drawn_box(shown), 0.1)
    looks = Look(ground=True), Look(ground=True, adaptive=True), Look(ground=True, samples=8)
    plain, adaptive, exact = (render(shown, {0: Texture(checker)}, camera, 96, look) for look in looks)
    errors = [np.abs(each.over(1.0).astype(int) - exact.over(1.0)).mean() for each in (plain, adaptive)]
    assert errors[1] < errors[0]
    assert np.abs(adaptive.coverage - exact.coverage).mean() < 0.004
    assert np.abs(adaptive.light[..., 3] - exact.light[..., 3]).mean() < 0.006


def test_edges_are_smooth_where_only_edges_are_looked_at_twice() -> None:
    """A disc's rim covers as much of each pixel as when all samples are taken everywhere."""
    camera = views(Box(np.full(3, -1.0), np.full(3, 1.0)), 1)[0]
    plain, adaptive = (
        render([drawable(sphere(128))], {}, camera, 128, Look(adaptive=each)).coverage for each in (False, True)
    )
    assert ((plain > 0) & (plain < 1)).sum() > 200
    assert np.array_equal(plain, adaptive)


def test_six_views_see_the_six_sides() -> None:
    """Front, right, back, left, top, bottom, each seeing all of the box; more views than six surround it."""
    cameras = views(Box(np.full(3, -0.5), np.full(3, 0.5)))
    seen = [camera.forward.round(6).tolist() for camera in cameras]
    assert seen == [[0, 0, -1], [-1, 0, 0], [0, 0, 1], [1, 0, 0], [0, -1, 0], [0, 1, 0]]
    for camera in cameras:
        frame = render([drawable(box())], {}, camera, 128, PLAIN)
        assert frame.coverage.mean() == pytest.approx(1 / 1.02**2, rel=0.02)
    around = np.array([camera.forward for camera in views(Box(np.full(3, -0.5), np.full(3, 0.5)), 14)])
    assert np.abs(around.mean(axis=0)).max() < 0.1


def test_drawn_box_ignores_vertices_that_no_triangle_uses() -> None:
    """A stray vertex does not shrink the picture."""
    stray = replace(drawable(box()), positions=np.concatenate([box().positions, np.full((1, 3), 99, np.float32)]))
    assert drawn_box([stray]).high.tolist() == [0.5, 0.5, 0.5]
