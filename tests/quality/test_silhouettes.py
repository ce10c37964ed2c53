"""What two models have in common when only their outlines are seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Node, Primitive, Scene
from assetpipe.carve import Job, carve
from assetpipe.config import load_config
from assetpipe.quality import silhouettes as module
from assetpipe.quality.cameras import Camera, views
from assetpipe.quality.drawables import Box, Drawable, drawn_box
from assetpipe.quality.silhouettes import Overlap, overlap, take_silhouettes
from assetpipe.scores import as_shipped, keep_outlines, outline_box, silhouette_iou, silhouettes
from assetpipe.sources import open_source, read_scene
from assetpipe.textures import TextureCache
from tests.conftest import Samples
from tests.shapes import box, grid, primitive, scene, sphere, torus

CUBE = Box(np.full(3, -1.0), np.full(3, 1.0))
BOTH_SIDES = Material({"doubleSided": True})


def drawable(positions: Array, triangles: Array, material: Material | None = BOTH_SIDES) -> Drawable:
    return Drawable(np.asarray(positions, np.float32), np.asarray(triangles, np.uint32).reshape(-1), material=material)


def square(left: float, bottom: float, side: float) -> Drawable:
    """Upright, in the plane z = 0, facing +Z."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]) * side + [left, bottom, 0]
    return drawable(corners, [[0, 1, 2], [0, 2, 3]])


def solid(shape: Primitive, move: tuple[float, float, float] = (0, 0, 0)) -> Drawable:
    return drawable(shape.positions + np.array(move), shape.indices, None)


def soup(triangles: int, size: float, seed: int) -> Drawable:
    """Triangles anywhere in the cube and a little beyond."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-1.1, 1.1, (triangles, 1, 3)) + rng.normal(0, size, (triangles, 3, 3))
    return drawable(corners.reshape(-1, 3), np.arange(3 * triangles))


def pixel_by_pixel(item: Drawable, camera: Camera, px: int) -> tuple[Array, Array]:
    """(px, px) each: centres inside a triangle, and centres too near an edge to ask double precision."""
    centres = (np.arange(px) + 0.5) / px * 2 - 1
    x, y = np.meshgrid(centres, -centres)
    offset = item.positions.astype(float) - camera.eye
    seen = np.stack([offset @ axis / (axis @ axis) for axis in (camera.right, camera.up)], axis=1)
    inside, unsure = np.zeros((px, px), bool), np.zeros((px, px), bool)
    for a, b, c in seen[item.indices].reshape(-1, 3, 2):
        turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        sides = [
            np.sign(turn) * ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / np.linalg.norm(q - p)
            for p, q in ((a, b), (b, c), (c, a))
        ]
        nearest = np.min(sides, axis=0) * px / 2  # pixels inside the nearest edge
        inside |= nearest >= 0
        unsure |= np.abs(nearest) < 1e-3
    return inside, unsure


@pytest.mark.parametrize("size", [0.002, 0.05, 2.0])
def test_a_pixel_is_covered_when_its_centre_is(size: float) -> None:
    """Six views of triangles from dust to larger than the picture, against a test of each pixel with each triangle."""
    item, px = soup(60, size, seed=7), 97
    found = take_silhouettes([item], CUBE, px)
    for at, camera in enumerate(views(CUBE)):
        inside, unsure = pixel_by_pixel(item, camera, px)
        assert ((found.mask(at) != inside) & ~unsure).sum() == 0
        assert inside.any() or size < 0.01


def test_a_sphere_against_an_icosahedron_overlaps_as_their_areas_do() -> None:
    """The solid inside the other: intersection over union is the ratio of the areas of their shadows."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([[0, s, t * golden] for s in (-1, 1) for t in (-1, 1)]) / np.hypot(1, golden)
    corners = np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)])
    edge = 2 / np.hypot(1, golden)
    faces = [
        (i, j, k)
        for i in range(12)
        for j in range(i)
        for k in range(j)
        if all(abs(np.linalg.norm(corners[a] - corners[b]) - edge) < 1e-6 for a, b in ((i, j), (j, k), (k, i)))
    ]
    assert len(faces) == 20
    ball, icosahedron = solid(sphere(256)), drawable(corners, faces)
    found = overlap(*(take_silhouettes([item], drawn_box([ball]), 1024) for item in (ball, icosahedron)))
    # Seen along an axis of two-fold symmetry the outline is a hexagon: two corners at (±1, golden), two at (±golden, 0)
    # in units of half an edge.
    half = edge / 2
    area = half * half * (4 * golden + 2 * (golden - 1) * golden)
    assert found.views == pytest.approx([area / np.pi] * 6, abs=2e-3)


def test_a_shifted_square_overlaps_by_what_the_shift_leaves() -> None:
    """Pixel for pixel: 100 pixels wide, shifted by 10 across, 90 of 110 columns are shared."""
    metres = 2.04 / 204  # of a pixel
    left = -50 * metres
    pictures = [take_silhouettes([square(left + shift, left, 100 * metres)], CUBE, 204) for shift in (0, 10 * metres)]
    assert overlap(*pictures).views[0] == 90 / 110
    assert pictures[0].mask(0).sum() == 100 * 100


def test_a_hole_counts_as_what_it_leaves_out() -> None:
    """A frame about a hole of 40 × 40 pixels in a plate of 100 × 100."""
    metres = 2.04 / 204
    plate = square(-50 * metres, -50 * metres, 100 * metres)
    bars = [(-50, -50, 100, 30), (-50, 20, 100, 30), (-50, -20, 30, 40), (20, -20, 30, 40)]
    frame = [
        drawable(np.array([[x, y, 0], [x + w, y, 0], [x + w, y + h, 0], [x, y + h, 0]]) * metres, [[0, 1, 2, 0, 2, 3]])
        for x, y, w, h in bars
    ]
    pictures = [take_silhouettes(items, CUBE, 204) for items in ([plate], frame)]
    assert overlap(*pictures).views[0] == (100 * 100 - 40 * 40) / (100 * 100)


def test_triangles_that_share_an_edge_leave_no_gap() -> None:
    """A crumpled sheet of 20,000 triangles, of any size in pixels, is as solid as its rim."""
    uvs, triangles = grid(100, 100)
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, (*uvs.shape,)) / 100
    inner = ((uvs > 0) & (uvs < 1)).all(axis=1, keepdims=True)
    points = np.concatenate([(uvs + noise * inner) * 1.6 - 0.8, np.zeros((len(uvs), 1))], axis=1)
    for px in (64, 257, 1024):
        sheet = take_silhouettes([drawable(points, triangles)], CUBE, px).mask(0)
        assert (sheet == take_silhouettes([square(-0.8, -0.8, 1.6)], CUBE, px).mask(0)).all()


def test_what_lies_outside_the_picture_is_cut_off_not_wrapped() -> None:
    """A level that spikes a thousand sizes away covers no more than the way there."""
    spike = drawable([[0, 0, 0], [2000, 0.2, 0], [2000, -0.2, 0]], [[0, 1, 2]])
    found = take_silhouettes([spike], CUBE, 128)
    assert not found.mask(0)[:, :64].any()
    assert found.mask(0).sum() <= 64
    assert not take_silhouettes([drawable([[np.nan, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])], CUBE, 64).packed.any()


def test_the_back_of_a_single_sided_surface_is_not_seen() -> None:
    """Culled as viewers cull: from the front it is there, from behind only where the material has two sides."""
    front = replace(square(-0.5, -0.5, 1.0), material=Material({}))
    counts = [take_silhouettes([item], CUBE, 64).packed.any(axis=(1, 2)).tolist() for item in (front, square(0, 0, 1))]
    assert counts == [[True, False, False, False, False, False], [True, False, True, False, False, False]]


def test_mirrored_nodes_keep_their_outside() -> None:
    """A matrix with a negative determinant turns triangles inside out, and a viewer turns them back."""
    mirrored = replace(scene(box()), nodes=(Node({"mesh": 0, "scale": [-1, 1, 1]}),))
    assert silhouette_iou(scene(box()), mirrored, 64).worst == 1.0
    sheet = primitive(*(np.array(part) for part in sheet_parts()))
    flipped = replace(scene(sheet), nodes=(Node({"mesh": 0, "scale": [-1, 1, 1]}),))
    seen = silhouettes(flipped, CUBE, 64).packed.any(axis=(1, 2)).tolist()
    assert seen[:3] == [True, False, False]


def sheet_parts() -> tuple[list[list[float]], list[list[float]], list[list[float]], list[int]]:
    points = [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    return points, [[0, 0, 1]] * 4, [[0, 0]] * 4, [0, 1, 2, 0, 2, 3]


def test_instances_are_drawn_where_they_stand() -> None:
    """EXT_mesh_gpu_instancing: two copies three metres apart look like two meshes there."""
    extension = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    places = np.array([[0, 0, 0], [3, 0, 0]], np.float32)
    copies = replace(scene(box()), nodes=(Node({"mesh": 0, "extensions": extension}),), arrays=(places,))
    moved = replace(box(), attributes={"POSITION": box().positions + np.float32([3, 0, 0])})
    assert silhouette_iou(copies, scene(box(), moved), 128).worst == 1.0


def test_a_lost_part_shows_in_the_views_that_saw_it() -> None:
    """A mast on a box: missed from the side, not from above; a level that adds one is no better."""
    mast = replace(box(), attributes={"POSITION": box().positions * np.float32([0.1, 1, 0.1]) + np.float32([0, 1, 0])})
    whole, bare = scene(box(), mast), scene(box())
    found = silhouette_iou(whole, bare, 512)
    assert found.views[0] == pytest.approx(1 / 1.1, abs=5e-3)
    assert found.views[4:] == (1.0, 1.0)
    frame = outline_box(whole)
    assert overlap(silhouettes(bare, frame, 512), silhouettes(whole, frame, 512)) == found


def test_empty_pictures_are_alike() -> None:
    """An asset of points alone shows no silhouette, and neither do its levels."""
    assert silhouette_iou(scene(), scene(), 16) == Overlap((1.0,) * 6)
    assert silhouette_iou(scene(box()), scene(), 16) == Overlap((0.0,) * 6)


def test_silhouettes_do_not_depend_on_batches_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes when each part is drawn alone, in one thread, and when all are drawn together."""
    parts = [solid(torus(24), (0.3, 0.1 * i, 0.2)) for i in range(5)]
    together = take_silhouettes(parts, CUBE, 200).packed
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0})
    assert (take_silhouettes(parts[::-1], CUBE, 200).packed == together).all()


def test_a_picture_of_any_width_packs_into_whole_bytes() -> None:
    """Eight pixels a byte: what is left of the last one counts for nothing."""
    full = drawable([[-9, -9, 0], [9, -9, 0], [0, 20, 0]], [[0, 1, 2]])
    found = take_silhouettes([full], CUBE, 13)
    assert found.packed.shape == (6, 13, 2)
    assert found.mask(0).all()
    assert int(np.bitwise_count(found.packed[0]).sum()) == 13 * 13


def test_outlines_outlive_the_source() -> None:
    """What is kept of a source gives the same as the source itself, at each size that was asked for."""
    source, level = scene(sphere(64)), scene(sphere(16))
    kept = keep_outlines(source, [64, 256, 64])
    assert sorted(kept.silhouettes) == [64, 256]
    assert [kept.overlap(level, px) for px in (64, 256)] == [silhouette_iou(source, level, px) for px in (64, 256)]
    assert 0.9 < kept.overlap(level, 256).worst < 0.99


@pytest.mark.parametrize("name", ["gadget", "lamp"])
def test_standard_and_high_cover_what_their_source_covers(name: str, samples: Samples, tmp_path: Path) -> None:
    """Above 0.995 in the worst of six views, with the positions that their files will hold."""
    config = load_config()
    with open_source(samples[name], config.limits) as opened:
        source: Scene = read_scene(opened, config.limits)
        carved = carve(Job(samples[name], tmp_path / name, config), opened, TextureCache())
    found = {lod.level: share for lod, share in zip(carved.lods, carved.overlaps, strict=True)}
    assert min(found["standard"].worst, found["high"].worst) > 0.995
    for lod in carved.lods:
        shipped = as_shipped(lod.scene, config.compression)
        assert silhouette_iou(source, shipped, config.levels[lod.level].screen_px) == found[lod.level]
