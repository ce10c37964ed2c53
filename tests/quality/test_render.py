import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from assetpipe.asset import Array, Json, Material, Primitive
from assetpipe.quality.cameras import Camera, three_quarter, views
from assetpipe.quality.drawables import Box, Drawable, Texture, drawn_box
from assetpipe.quality.poster import render_poster
from assetpipe.quality.pyramids import pyramid
from assetpipe.quality.render import Frame, Look, render
from tests.shapes import box, primitive, sphere, torus

PLAIN = Look(samples=2, rays=0)
RED, GREEN, BLUE, WHITE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 255)
CLAMP, MIRROR = 33071, 33648


def drawable(shape: Primitive, material: Json | None = None, move: tuple[float, ...] = (0, 0, 0)) -> Drawable:
    return Drawable(
        positions=(shape.positions + np.array(move)).astype(np.float32),
        indices=shape.indices,
        normals=shape.attributes["NORMAL"],
        uvs={0: shape.attributes["TEXCOORD_0"]},
        material=None if material is None else Material(material),
    )


def square(uv_scale: float = 1.0) -> Primitive:
    """2 m wide, about the origin, facing +Z, its texture upright."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 0]]) * uv_scale
    return primitive(corners, np.tile([0, 0, 1.0], (4, 1)), uvs, np.array([0, 1, 2, 0, 2, 3]))


def unlit(**extra: object) -> Json:
    return {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
        "extensions": {"KHR_materials_unlit": {}},
        **extra,
    }


def matt(**extra: object) -> Json:
    return {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0, **extra}}


def texels(*rows: list[tuple[int, ...]]) -> Array:
    return np.array(rows, np.uint8)


def front(*drawables: Drawable, texture: Array | None = None, px: int = 64, wrap: int = 10497) -> Frame:
    """From +Z, in parallel, 2.04 m wide."""
    textures = {} if texture is None else {0: Texture(texture, (wrap, wrap))}
    camera = views(Box(np.array([-1.0, -1.0, -1.0]), np.array([1.0, 1.0, 1.0])), 1)[0]
    return render(drawables, textures, camera, px, PLAIN)


def colour_at(frame: Frame, x: float, y: float) -> tuple[int, ...]:
    """x and y from 0 to 1, from the top left."""
    pixels = frame.rgba()
    return tuple(int(part) for part in pixels[int(y * len(pixels)), int(x * len(pixels))])


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


def test_the_first_row_of_a_texture_is_its_top() -> None:
    """glTF puts UV (0, 0) at the top left."""
    frame = front(drawable(square(), unlit()), texture=texels([RED, GREEN], [BLUE, WHITE]), wrap=CLAMP)
    corners = [colour_at(frame, x, y) for x, y in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))]
    assert corners == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [(10497, [RED, BLUE, RED, BLUE]), (MIRROR, [RED, BLUE, BLUE, RED]), (CLAMP, [RED, BLUE, BLUE, BLUE])],
)
def test_textures_go_on_as_their_sampler_says(wrap: int, expected: list[tuple[int, ...]]) -> None:
    """Repeated, mirrored or clamped; UVs run from 0 to 2 across the square."""
    stripes = np.repeat(texels([RED, BLUE]), 16, axis=1).repeat(32, axis=0)
    frame = front(drawable(square(2.0), unlit()), texture=stripes, wrap=wrap)
    assert [colour_at(frame, x, 0.5) for x in (0.13, 0.38, 0.63, 0.87)] == expected


def test_texture_transform_scales_turns_and_moves() -> None:
    """A quarter turn brings the left edge of the picture to another side; an offset of half swaps the halves."""
    stripes = np.repeat(texels([RED, BLUE]), 16, axis=1).repeat(32, axis=0)

    def at(transform: Json, x: float, y: float) -> tuple[int, ...]:
        info = {"index": 0, "extensions": {"KHR_texture_transform": transform}}
        material = {**unlit(), "pbrMetallicRoughness": {"baseColorTexture": info}}
        return colour_at(front(drawable(square(), material), texture=stripes), x, y)

    assert at({"offset": [0.5, 0.0]}, 0.25, 0.5) == BLUE
    assert at({"scale": [2.0, 1.0]}, 0.38, 0.5) == BLUE
    # rotation r: u' = cos(r) u + sin(r) v, so at a quarter turn u' is v: red above blue.
    assert (at({"rotation": np.pi / 2}, 0.5, 0.2), at({"rotation": np.pi / 2}, 0.5, 0.8)) == (RED, BLUE)


def test_distance_averages_textures_in_linear_light() -> None:
    """A fine black and white board seen from afar is half as bright as white: sRGB 188, not 128."""
    board = np.zeros((256, 256, 4), np.uint8)
    board[..., 3] = 255
    board[::2, ::2, :3] = board[1::2, 1::2, :3] = 255
    frame = front(drawable(square(), unlit()), texture=board, px=32)
    assert colour_at(frame, 0.5, 0.5)[0] == pytest.approx(188, abs=1)


def test_every_level_of_a_pyramid_has_the_same_mean() -> None:
    """Halving neither darkens nor shifts, down to one texel, whatever the size."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 32, 4)).astype(np.uint8)
    levels = pyramid(Texture(noise), colour=False, px=64)
    assert [level.shape[:2] for level in levels] == [(64, 32), (32, 16), (16, 8), (8, 4), (4, 2), (2, 1), (1, 1)]
    assert all(abs(float(level.mean()) - float(noise.mean())) < 1.5 for level in levels)
    assert pyramid(Texture(noise), colour=True, px=20)[0].shape[:2] == (16, 8)


def test_cut_out_texels_let_the_background_through() -> None:
    """MASK is all or nothing; BLEND shows both; OPAQUE ignores alpha."""
    half = texels([(255, 0, 0, 100)])
    alphas = {
        mode: colour_at(front(drawable(square(), unlit(alphaMode=mode)), texture=half), 0.5, 0.5)[3]
        for mode in ("OPAQUE", "MASK", "BLEND")
    }
    assert alphas == {"OPAQUE": 255, "MASK": 0, "BLEND": 100}
    kept = unlit(alphaMode="MASK", alphaCutoff=0.3)
    assert colour_at(front(drawable(square(), kept), texture=half), 0.5, 0.5) == RED


def test_layers_of_glass_add_up_from_front_to_back() -> None:
    """A half transparent red pane before a solid blue one: half red, half blue, in linear light."""
    pane = {**unlit(alphaMode="BLEND"), "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 0.5]}}
    wall = {**unlit(), "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 1, 1]}}
    frame = front(drawable(square(), wall), drawable(square(), pane, (0, 0, 0.5)))
    assert colour_at(frame, 0.5, 0.5) == (188, 0, 188, 255)


def test_clear_glass_shows_what_is_behind_it() -> None:
    """KHR_materials_transmission is not an opaque white lump."""
    glass = {**matt(), "extensions": {"KHR_materials_transmission": {"transmissionFactor": 1.0}}}
    frame = front(drawable(sphere(32, 0.8), glass))
    assert 0 < frame.coverage[32, 32] < 0.5


def test_the_back_of_a_single_sided_surface_is_not_there() -> None:
    """Culling is glTF's: counter-clockwise is the front."""
    turned = replace(square(), indices=square().indices.reshape(-1, 3)[:, ::-1].reshape(-1).copy())
    assert front(drawable(turned, matt())).coverage.max() == 0
    assert front(drawable(turned, {**matt(), "doubleSided": True})).coverage[32, 32] == 1


def test_both_sides_of_a_double_sided_surface_are_lit() -> None:
    """A normal that points away is turned towards the viewer."""
    away = replace(drawable(square(), {**matt(), "doubleSided": True}), normals=np.tile(np.float32([0, 0, -1]), (4, 1)))
    assert colour_at(front(away), 0.5, 0.5) == colour_at(front(drawable(square(), matt())), 0.5, 0.5)


def test_vertex_colours_tint_the_base_colour() -> None:
    """COLOR_0 is linear and multiplies, with or without alpha."""
    material = {"extensions": {"KHR_materials_unlit": {}}}
    tinted = replace(drawable(square(), material), colours=np.tile(np.float32([0, 1, 0]), (4, 1)))
    assert colour_at(front(tinted), 0.5, 0.5) == GREEN


def test_white_under_the_studio_light_is_nearly_white_and_black_nearly_black() -> None:
    """Base colours are seen as their designer meant them."""
    white = colour_at(front(drawable(square(), matt(baseColorFactor=[0.9, 0.9, 0.9, 1]))), 0.5, 0.5)
    black = colour_at(front(drawable(square(), matt(baseColorFactor=[0.01, 0.01, 0.01, 1]))), 0.5, 0.5)
    assert min(white[:3]) > 225
    assert max(black[:3]) < 40


def test_normal_maps_bend_the_light() -> None:
    """The key light stands left of and above the camera: what leans there is brighter (red is right, green is up)."""

    def lean(red: int, green: int) -> int:
        material = {**matt(), "normalTexture": {"index": 0}}
        return colour_at(front(drawable(square(), material), texture=texels([(red, green, 200, 255)])), 0.5, 0.5)[1]

    assert lean(60, 128) > lean(128, 128) > lean(196, 128)
    assert lean(128, 196) > lean(128, 60)


def test_metal_mirrors_and_plastic_does_not() -> None:
    """A smooth metal ball shows the sharp edges of the lights, in its own colour."""
    gold = {
        "pbrMetallicRoughness": {"baseColorFactor": [1.0, 0.6, 0.1, 1], "metallicFactor": 1.0, "roughnessFactor": 0.1}
    }
    shiny = front(drawable(sphere(64, 0.9), gold)).rgba()[16:48, 16:48].astype(int)
    dull = front(drawable(sphere(64, 0.9), matt())).rgba()[16:48, 16:48].astype(int)
    edge, slope = (np.abs(np.diff(ball[..., 1], axis=1)).max() for ball in (shiny, dull))
    assert edge > 2 * slope
    assert (shiny[..., 0] >= shiny[..., 2]).all()


def test_a_map_says_where_the_coat_is() -> None:
    """Its red channel multiplies the coat: half with it, half without."""

    def coated(**maps: object) -> Frame:
        coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.3, **maps}
        material = {**matt(baseColorFactor=[0, 0, 0, 1]), "extensions": {"KHR_materials_clearcoat": coat}}
        return front(drawable(square(), material), texture=texels([RED, GREEN]), wrap=CLAMP)

    mapped, everywhere = coated(clearcoatTexture={"index": 0}), coated()
    bare = front(drawable(square(), matt(baseColorFactor=[0, 0, 0, 1])))
    assert colour_at(mapped, -0.8, 0) == colour_at(everywhere, -0.8, 0)
    assert colour_at(mapped, 0.8, 0) == colour_at(bare, 0.8, 0) != colour_at(everywhere, 0.8, 0)


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


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_size_and_place_do_not_matter(scale: float) -> None:
    """A ring and a house, at the origin or kilometres away, are drawn alike."""

    def poster(size: float, away: float) -> Array:
        shape = replace(
            torus(24), attributes={**torus(24).attributes, "POSITION": (torus(24).positions * size).astype(np.float32)}
        )
        data = render_poster([drawable(shape, matt(), (away, 0, 0))], {}, 48, background=1.0)
        return np.asarray(Picture.open(io.BytesIO(data))).astype(int)

    assert np.abs(poster(scale, 0.0) - poster(1.0, 0.0)).mean() < 0.5
    assert np.abs(poster(scale, 100 * scale) - poster(1.0, 0.0)).mean() < 2.0


def test_the_poster_shows_all_of_the_model_in_the_middle() -> None:
    """Whatever its shape, nothing is cut off, and the margins are even."""
    for extents in ((1, 1, 1), (4, 0.1, 0.5), (0.1, 5, 0.1), (1, 0.01, 3)):
        stretched = {**box().attributes, "POSITION": (box().positions * np.array(extents)).astype(np.float32)}
        shown = drawable(replace(box(), attributes=stretched), matt(baseColorFactor=[0.5, 0.1, 0.1, 1]))
        pixels = np.asarray(Picture.open(io.BytesIO(render_poster([shown], {}, 96))).convert("RGBA"))
        solid = (pixels[..., 3] > 200) & (pixels[..., 0] > 40)
        rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
        assert min(rows[0], columns[0]) >= 2
        assert max(rows[-1], columns[-1]) <= 93
        assert max(np.ptp(rows), np.ptp(columns)) > 70
        assert abs((columns[0] + columns[-1]) / 2 - 47.5) < 3
        assert abs((rows[0] + rows[-1]) / 2 - 47.5) < 3


def test_nothing_to_draw_is_an_empty_picture() -> None:
    """An asset of points or lines still has a poster."""
    empty = replace(drawable(box()), indices=np.zeros(0, np.uint32))
    for drawables in ([], [empty]):
        picture = Picture.open(io.BytesIO(render_poster(drawables, {}, 32)))
        assert (picture.size, picture.convert("RGBA").getextrema()[3]) == ((32, 32), (0, 0))
        assert np.isinf(render(drawables, {}, views(Box(np.zeros(3), np.ones(3)))[0], 8).depth).all()


def test_a_point_sized_or_flat_model_is_drawn_without_a_fault() -> None:
    """Degenerate boxes have a camera too."""
    point = replace(drawable(box()), positions=np.zeros((24, 3), np.float32))
    assert render_poster([point], {}, 16)
    assert front(drawable(square(), matt())).coverage[32, 32] == 1


def test_missing_textures_normals_and_uvs_leave_the_factors() -> None:
    """A material whose texture did not decode shows its colour."""
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 5}, "baseColorFactor": [0, 0, 1, 1]},
        "extensions": {"KHR_materials_unlit": {}},
    }
    bare = Drawable(square().positions, square().indices, material=Material(material))
    assert colour_at(front(bare), 0.5, 0.5) == BLUE


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


def test_the_same_model_is_the_same_bytes_on_any_number_of_cores(tmp_path: Path) -> None:
    """A poster's hash is in the manifest: another process, folder, hash seed and core count change nothing."""
    code = (
        "import os, sys, hashlib; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]);"
        "from tests.quality.test_render import *;"
        "print(hashlib.sha256(render_poster([drawable(torus(24), matt())], {}, 64)).hexdigest())"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True)
    here = hashlib.sha256(render_poster([drawable(torus(24), matt())], {}, 64)).hexdigest()
    assert done.stdout.decode().strip() == here


def test_drawn_box_ignores_vertices_that_no_triangle_uses() -> None:
    """A stray vertex does not shrink the picture."""
    stray = replace(drawable(box()), positions=np.concatenate([box().positions, np.full((1, 3), 99, np.float32)]))
    assert drawn_box([stray]).high.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"pbrMetallicRoughness": {"baseColorFactor": [1, "x", None, {}]}},
        {"pbrMetallicRoughness": {"baseColorFactor": 3, "metallicFactor": "shiny", "roughnessFactor": 1e300}},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": -7}}},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 9}}},
        {"pbrMetallicRoughness": None, "extensions": []},
        {"extensions": {"KHR_materials_clearcoat": 5, "KHR_materials_transmission": {"transmissionFactor": []}}},
        {
            "pbrMetallicRoughness": {
                "baseColorTexture": {"index": 0, "extensions": {"KHR_texture_transform": {"scale": 2}}}
            }
        },
        {"emissiveFactor": [1e38, 1e38, 1e38], "alphaMode": "MOSTLY"},
    ],
)
def test_no_material_is_too_odd_to_be_drawn(nonsense: Json) -> None:
    """What no validator has looked at must neither stop a poster nor read beyond an array."""
    assert front(drawable(square(), nonsense), texture=texels([RED])).coverage[32, 32] == 1


def test_uvs_that_are_no_numbers_are_drawn_as_something() -> None:
    """NaN and infinity address no texel, and crash nothing."""
    for value in (np.nan, np.inf, -np.inf, 1e30):
        odd = replace(drawable(square(), unlit()), uvs={0: np.full((4, 2), value, np.float32)})
        for wrap in (10497, MIRROR, CLAMP):
            assert front(odd, texture=texels([RED, BLUE], [BLUE, RED]), wrap=wrap).coverage[32, 32] == 1
