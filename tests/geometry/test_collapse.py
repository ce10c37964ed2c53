"""The collapse keeps its promises on well-made surfaces."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.geometry.kernels import collapse as collapse_module
from assetpipe.geometry.kernels import exhaust as exhaust_module
from assetpipe.geometry.kernels.collapse import collapse
from assetpipe.geometry.surface import Copy, Surface, Target
from tests import shapes
from tests.geometry.surfaces import (
    bare,
    edge_counts,
    euler,
    faces_of,
    join,
    normals_of,
    of,
    plane,
    same_bytes,
    surface,
)


def one(model: Surface, triangles: int, error: float = 0.0) -> Copy:
    return collapse(model, [Target(triangles, error)])[0]


@pytest.fixture(scope="module")
def globe() -> Surface:
    return of(shapes.sphere(64))


@pytest.mark.parametrize("triangles", [1000, 300, 60])
def test_the_budget_is_met(globe: Surface, triangles: int) -> None:
    """A level never has more triangles than it may, and not many fewer."""
    copy = one(globe, triangles)
    assert copy.reached
    assert 0.9 * triangles - 4 <= copy.surface.drawn <= triangles


def test_a_copy_is_a_whole_surface_of_its_own(globe: Surface) -> None:
    """Every wedge and vertex is used, every index is in range, origins name wedges of the source nearby."""
    copy = one(globe, 500).surface
    assert np.array_equal(np.unique(copy.corners), np.arange(len(copy.attributes)))
    assert np.array_equal(np.unique(copy.wedge_vertex), np.arange(len(copy.positions)))
    source = globe.positions[globe.wedge_vertex[copy.origin]]
    assert np.linalg.norm(source - copy.positions[copy.wedge_vertex], axis=1).max() < 0.2


def test_the_error_bound_ends_a_level_above_its_budget() -> None:
    """A level has about the fewest triangles within its error: a tighter bound leaves more, none strays farther."""
    globe = bare(shapes.sphere(128))
    counts = []
    for error in (0.001, 0.004, 0.016):
        copy = one(globe, 10**6, error)
        strays = np.abs(1 - np.linalg.norm(centres(copy.surface), axis=1)).max()
        assert strays < 2 * error
        assert copy.error <= error
        counts.append(copy.surface.drawn)
    assert counts[0] > 2 * counts[1] > 4 * counts[2]


def centres(model: Surface) -> np.ndarray:
    return model.positions[faces_of(model)].astype(float).mean(axis=1)


def test_the_reported_error_is_about_the_true_one() -> None:
    """Within a factor of two of how far a decimated sphere strays from the true one."""
    globe = bare(shapes.sphere(128))
    for triangles in (2000, 500):
        copy = one(globe, triangles)
        points = np.concatenate([centres(copy.surface), copy.surface.positions])
        strays = np.abs(1 - np.linalg.norm(points, axis=1)).max()
        assert 0.5 < copy.error / strays < 2


@pytest.mark.parametrize("shape", [shapes.sphere(64), shapes.torus(64)])
def test_closed_stays_closed_and_keeps_its_holes(shape: shapes.Primitive) -> None:
    """Every edge has two faces before and after, and the Euler number stays, seams or not."""
    for model in (bare(shape), of(shape)):
        copy = one(model, 400).surface
        assert set(edge_counts(copy).values()) == {2}
        assert euler(copy) == euler(model)


def test_no_face_turns_over() -> None:
    """On a convex solid every face still looks outwards."""
    copy = one(bare(shapes.sphere(64)), 300).surface
    assert (np.einsum("ij,ij->i", normals_of(copy), centres(copy)) > 0).all()


def test_a_plane_becomes_a_handful_of_triangles_without_error() -> None:
    """A flat grid keeps its outline and loses the rest, whatever the budget."""
    copy = one(plane(40, 40), 10**6)
    assert copy.surface.drawn <= 8
    assert copy.error < 5e-5
    assert np.linalg.norm(normals_of(copy.surface), axis=1).sum() == pytest.approx(
        np.linalg.norm(normals_of(plane(1, 1)), axis=1).sum(), rel=5e-5
    )


def test_texture_coordinates_follow_the_surface() -> None:
    """On a plane whose coordinates are its position they still are after the collapse."""
    bumpy = plane(60, 60, tilt=0.0)
    height = 0.02 * np.sin(9 * bumpy.positions[:, 0]) * np.cos(7 * bumpy.positions[:, 1])
    bumpy = replace(bumpy, positions=(bumpy.positions + height[:, None] * [0, 0, 1]).astype(np.float32))
    copy = one(bumpy, 300).surface
    assert np.abs(copy.attributes - copy.positions[copy.wedge_vertex][:, :2]).max() < 0.01


def test_no_texture_triangle_flips(globe: Surface) -> None:
    """Faces keep their sense in texture space."""
    copy = one(globe, 600).surface
    a, b, c = (copy.attributes[copy.corners[:, i]].astype(float) for i in range(3))
    e, f = b - a, c - a
    assert (e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] > -1e-9).all() or (e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] < 1e-9).all()


def test_a_seam_stays_a_seam(globe: Surface) -> None:
    """Along the meridian both sides end on the same vertices, u = 0 on one and u = 1 on the other."""
    copy = one(globe, 600).surface
    u = copy.attributes[:, 0]
    first, last = np.flatnonzero(u < 1e-3), np.flatnonzero(u > 1 - 1e-3)
    inner = np.abs(copy.positions[:, 1]) < 0.9
    sides = [set(copy.wedge_vertex[side][inner[copy.wedge_vertex[side]]].tolist()) for side in (first, last)]
    assert sides[0] == sides[1]
    assert len(sides[0]) > 3


def test_attributes_stay_within_the_range_of_the_source(globe: Surface) -> None:
    """Nothing is extrapolated beyond what the source has."""
    for triangles in (1000, 20):
        copy = one(globe, triangles).surface
        assert np.isfinite(copy.attributes).all()
        assert (copy.attributes >= globe.attributes.min(axis=0)).all()
        assert (copy.attributes <= globe.attributes.max(axis=0)).all()


def test_a_column_of_weight_zero_is_carried_along(globe: Surface) -> None:
    """It does not change what collapses, and is interpolated."""
    height = globe.positions[globe.wedge_vertex, 1:2]
    wider = replace(
        globe,
        attributes=np.concatenate([globe.attributes, height], axis=1).astype(np.float32),
        weights=np.array([*globe.weights, 0], np.float32),
    )
    plain, carried = one(globe, 600).surface, one(wider, 600).surface
    assert np.array_equal(plain.corners, carried.corners)
    assert np.array_equal(plain.attributes, carried.attributes[:, :2])
    assert np.abs(carried.attributes[:, 2] - carried.positions[carried.wedge_vertex, 1]).max() < 0.1


def test_a_border_of_materials_is_kept() -> None:
    """Two halves of a plane keep their areas and share the vertices between them."""
    uvs, indices = shapes.grid(32, 32)
    faces = indices.reshape(-1, 3)
    right = uvs[faces].mean(axis=1)[:, 0] > 0.5
    points = np.stack([uvs[:, 0], uvs[:, 1], 0.05 * np.sin(6 * uvs[:, 0] + 5 * uvs[:, 1])], axis=-1)
    corners = faces + right[:, None] * len(uvs)
    model = surface(np.tile(points, (2, 1)), corners, np.tile(uvs, (2, 1)), right)
    used, inverse = np.unique(model.corners, return_inverse=True)
    model = replace(
        model,
        corners=inverse.reshape(-1, 3).astype(np.int32),
        wedge_vertex=model.wedge_vertex[used],
        attributes=model.attributes[used],
        origin=used.astype(np.int32),
    )
    copy = one(model, 100).surface
    flat = np.abs(normals_of(copy)[:, 2]) / 2
    assert flat[copy.group == 0].sum() == pytest.approx(0.5, abs=0.005)
    assert flat[copy.group == 1].sum() == pytest.approx(0.5, abs=0.005)
    shared = set(faces_of(copy)[copy.group == 0].ravel()) & set(faces_of(copy)[copy.group == 1].ravel())
    assert np.allclose(copy.positions[list(shared), 0], 0.5, atol=0.01)
    assert not set(copy.corners[copy.group == 0].ravel()) & set(copy.corners[copy.group == 1].ravel())


def test_copies_count_against_the_budget() -> None:
    """A mesh that is drawn ten times loses its triangles ten times as fast, and the sum stays within the budget."""
    many = replace(bare(shapes.sphere(32)), copies=np.full(len(bare(shapes.sphere(32)).corners), 10, np.int32))
    model = join(bare(shapes.torus(32)), many)
    copy = one(model, 2000)
    assert copy.reached
    assert 1900 < copy.surface.drawn <= 2000
    assert copy.surface.drawn > len(copy.surface.corners)


def test_one_descent_is_as_good_as_several(globe: Surface) -> None:
    """Copies at several targets have the triangles of separate descents, and nearly their errors."""
    targets = [Target(1500, 0.0), Target(500, 0.0), Target(150, 0.0)]
    together = collapse(globe, targets)
    alone = [collapse(globe, [target])[0] for target in targets]
    for shared, single in zip(together, alone, strict=True):
        assert shared.surface.drawn == pytest.approx(single.surface.drawn, abs=4)
        assert shared.error == pytest.approx(single.error, rel=0.5)  # the worst of a few hundred collapses
    assert together[0].error <= together[1].error <= together[2].error


def test_a_descent_goes_on_from_a_copy(globe: Surface) -> None:
    """As often as one likes, to the bytes of the descent that never stopped."""
    fine, coarse = collapse(globe, [Target(1500, 0.0), Target(300, 0.0)])
    for _ in range(2):
        resumed = collapse(globe, [Target(300, 0.0)], fine)[0]
        assert same_bytes(resumed.surface, coarse.surface)
        assert resumed.error == coarse.error


def test_copies_that_nobody_goes_on_from_are_the_same(globe: Surface) -> None:
    targets = [Target(1500, 0.0), Target(300, 0.0)]
    kept, passing = collapse(globe, targets), collapse(globe, targets, again=False)
    assert all(same_bytes(one.surface, other.surface) for one, other in zip(kept, passing, strict=True))
    assert [copy.rest for copy in passing] == [None, None]


def test_a_glance_spares_only_visits_in_vain(globe: Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(2000, 0.0), Target(500, 0.0)]
    glancing = collapse(globe, targets)
    monkeypatch.setattr(exhaust_module, "NEAR", 0.0)
    for one, other in zip(glancing, collapse(globe, targets), strict=True):
        assert same_bytes(one.surface, other.surface)


def test_a_copy_keeps_its_own_estimate(globe: Surface) -> None:
    """However far the descent that it was taken from went on."""
    fine, coarse = collapse(globe, [Target(1500, 0.0), Target(150, 0.0)])
    assert fine.error <= collapse(globe, [Target(1400, 0.0)], fine)[0].error < coarse.error / 2


def test_a_large_surface_can_be_gone_through_again_from_halfway(
    globe: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same bytes as from the start, and as without a stop; with new doubts more triangles stay."""
    target = Target(3000, collapse(globe, [Target(500, 0.0)])[0].error)
    whole = collapse(globe, [target])[0]
    monkeypatch.setattr(collapse_module, "LARGE", 1000)
    stopped = collapse(globe, [target])[0]
    assert whole.halfway is None
    assert same_bytes(stopped.surface, whole.surface)
    halfway = replace(stopped, rest=stopped.halfway)
    assert same_bytes(collapse(globe, [target], halfway)[0].surface, whole.surface)
    doubting = globe.doubting(np.full(len(globe.positions), 2.0, np.float32))
    assert collapse(doubting, [target], halfway)[0].surface.drawn > 1.5 * whole.surface.drawn


def test_a_descent_that_goes_on_heeds_new_doubts(globe: Surface) -> None:
    """Where the estimate is doubted since, more triangles stay; elsewhere as many as before."""
    fine = collapse(globe, [Target(3000, 0.0)])[0]
    target = Target(3000, 3 * fine.error)
    doubting = globe.doubting(np.where(globe.positions[:, 1] > 0, 4.0, 1.0).astype(np.float32))
    believed, doubted = (halves(collapse(surface, [target], fine)[0].surface) for surface in (globe, doubting))
    assert doubted[1] > 2 * believed[1]
    assert doubted[0] == pytest.approx(believed[0], rel=0.15)


def halves(model: Surface) -> list[int]:
    """Triangles in the lower half and in the upper."""
    above = model.positions[faces_of(model)][:, :, 1].mean(axis=1) > 0
    return [int((~above).sum()), int(above.sum())]


def test_the_source_is_not_changed(globe: Surface) -> None:
    """Arrays that went in are as they were, and may be read-only."""
    before = replace(globe, positions=globe.positions.copy(), attributes=globe.attributes.copy())
    globe.positions.flags.writeable = False
    one(globe, 300)
    globe.positions.flags.writeable = True
    assert same_bytes(before, globe)


def test_two_runs_and_two_processes_give_the_same_bytes(globe: Surface) -> None:
    """The result is a function of the input alone."""
    first, second = one(globe, 500).surface, one(globe, 500).surface
    assert same_bytes(first, second)
    code = (
        "import hashlib; from tests import shapes; from tests.geometry.surfaces import of;"
        "from assetpipe.geometry.kernels.collapse import collapse; from assetpipe.geometry.surface import Target;"
        "s = collapse(of(shapes.sphere(64)), [Target(500, 0.0)])[0].surface;"
        "print(hashlib.sha256(s.positions.tobytes() + s.corners.tobytes() + s.attributes.tobytes()).hexdigest())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    mine = hashlib.sha256(first.positions.tobytes() + first.corners.tobytes() + first.attributes.tobytes()).hexdigest()
    assert out == mine


def test_the_scale_does_not_matter(globe: Surface) -> None:
    """A screw in micrometres and a building collapse alike."""
    for factor in (2.0**-30, 2.0**30):
        scaled = replace(
            globe, positions=globe.positions * np.float32(factor), weights=globe.weights * np.float32(factor)
        )
        assert np.array_equal(one(scaled, 300).surface.corners, one(globe, 300).surface.corners)
