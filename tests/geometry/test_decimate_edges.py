"""Levels of what has facets and hard edges, with the real kernel."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Primitive
from assetpipe.geometry import drawn_triangles, measure_deviation
from assetpipe.geometry.welding import map_vertices
from tests import shapes
from tests.geometry.levels import level, many, moved, rounded


def test_hard_edges_stay_hard() -> None:
    """A finely divided box comes down to its corners; every normal is still that of a side, none is blended."""
    uvs, quad = shapes.grid(12, 12)
    box, faces = shapes.box(), []
    for side in range(6):
        a, b, c, _ = box.positions[4 * side : 4 * side + 4].astype(float)
        points = a + uvs[:, :1] * (b - a) + uvs[:, 1:] * (c - a)
        faces.append((points.round(6), np.repeat(box.attributes["NORMAL"][4 * side : 4 * side + 1], len(uvs), 0), uvs))
    positions, normals, coordinates = (np.concatenate(parts) for parts in zip(*faces, strict=True))
    indices = np.concatenate([quad + len(uvs) * side for side in range(6)])
    sphere = shapes.sphere(16, 0.2)  # smooth, so that the primitive as a whole is not flat
    scene = shapes.scene(shapes.primitive(positions, normals, coordinates, indices), sphere)
    primitive = level(scene, 10_000, error=1e-4).scene.meshes[0].primitives[0]
    assert primitive.triangles <= 40
    assert np.sort(np.abs(primitive.attributes["NORMAL"]), axis=1) == pytest.approx(
        np.array([[0, 0, 1]] * len(primitive.positions))
    )
    assert np.abs(primitive.positions).max() == pytest.approx(0.5)


def faceted(primitive: Primitive, keep: tuple[str, ...] = ("POSITION",)) -> Primitive:
    """Every triangle its own vertices and its own normal."""
    corners = map_vertices(primitive, lambda array: array[primitive.indices])
    a, b, c = (corners.positions[at::3] for at in range(3))
    along = np.cross(b - a, c - a)
    normals = np.repeat(along / np.linalg.norm(along, axis=1, keepdims=True), 3, axis=0).astype(np.float32)
    attributes = {**{name: corners.attributes[name] for name in keep}, "NORMAL": normals}
    return Primitive(4, np.arange(len(normals), dtype=np.uint32), attributes)


def spread(primitive: Primitive) -> float:
    """The largest angle, in degrees, between a corner's normal and its triangle's."""
    corners = primitive.positions[primitive.indices].reshape(-1, 3, 3)
    along = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normals = primitive.attributes["NORMAL"][primitive.indices].reshape(-1, 3, 3)
    return float(np.degrees(np.arccos(np.clip(np.einsum("fck,fk->fc", normals, along).min(), -1, 1))))


def test_facets_that_were_seen_stay_facets() -> None:
    """A flat-shaded sphere of large facets comes down like any other and is flat again."""
    scene = shapes.scene(faceted(shapes.sphere(24)))
    made = level(scene, 200, error=0.001)
    assert made.scene.triangles <= 200
    assert spread(made.scene.meshes[0].primitives[0]) < 1


def test_facets_too_small_to_be_seen_do_not_grow_into_view() -> None:
    """A scan of 16,000 flat triangles looks smooth; a level of 600 must too. So does one without any normals."""
    flat = faceted(shapes.sphere(128))
    bare = Primitive(4, flat.indices, {"POSITION": flat.positions})
    for primitive in (flat, bare):
        made = level(shapes.scene(primitive), 600, error=0.02).scene.meshes[0].primitives[0]
        normals = made.positions / np.linalg.norm(made.positions, axis=1, keepdims=True)
        cosines = (normals * made.attributes["NORMAL"]).sum(axis=1)
        assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 12
        assert len(made.positions) < 1.2 * len(np.unique(made.positions, axis=0))


def test_a_tight_budget_keeps_the_shape_of_hard_edged_parts() -> None:
    """A hundred hard-edged studs beside a torus and seven triangles for each: nothing strays by more than a stud."""
    studs = many(shapes.box(0.2), 100)
    at = shapes.sphere(24).positions[::3][:100]
    offsets = np.repeat(at, 24, axis=0) - np.repeat(studs.positions[::24], 24, axis=0)
    scene = shapes.scene(rounded(shapes.torus(48, 0.6, 0.3)), moved(studs, offsets))
    made = level(scene, 700, error=0.002)
    assert drawn_triangles(made.scene) <= 700
    assert measure_deviation(scene, made.scene, samples=5000).max < 0.2
