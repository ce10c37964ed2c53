"""MikkTSpace's tangents, held against its reference implementation (compiled to WebAssembly) and by rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Array, Primitive
from assetpipe.config import load_config
from assetpipe.sources import open_source, read_scene
from assetpipe.tangents import corner_tangents, with_tangents
from benchmarks.statue import make_statue
from tests.browser import require_node, run_script
from tests.shapes import box, grid, primitive, sphere, torus

MODELS = Path(__file__).parents[2] / "shared" / "models"


def ours(shape: Primitive) -> Array:
    given = shape.attributes
    return corner_tangents(shape.indices, shape.positions, given["NORMAL"], given["TEXCOORD_0"])


def reference(shape: Primitive, folder: Path) -> Array:
    """(corners, 4); the reference has v up, glTF down."""
    require_node()
    columns = [shape.attributes[name][shape.indices].reshape(-1) for name in ("POSITION", "NORMAL", "TEXCOORD_0")]
    np.concatenate(columns).astype(np.float32).tofile(folder / "in.bin")
    run_script("mikktspace.mjs", str(folder / "in.bin"), str(folder / "out.bin"), seconds=120)
    return np.fromfile(folder / "out.bin", np.float32).reshape(-1, 4) * np.array([1, 1, 1, -1], np.float32)


def disagreement(shape: Primitive, folder: Path) -> float:
    """Share of the corners that differ by more than 1e-4."""
    return float((np.abs(ours(shape) - reference(shape, folder)).max(axis=1) > 1e-4).mean())


def with_uvs(shape: Primitive, uvs: Array) -> Primitive:
    return replace(shape, attributes={**shape.attributes, "TEXCOORD_0": uvs.astype(np.float32)})


def mirrored() -> Primitive:
    """Half of the sphere has the other half's texture, as in a mirror."""
    shape = sphere(48)
    uvs = shape.attributes["TEXCOORD_0"]
    return with_uvs(shape, np.stack([np.abs(uvs[:, 0] - 0.5) * 2, uvs[:, 1]], axis=1))


def scattered(steps: int) -> Primitive:
    """UVs without rhyme: triangles without UV area, turns about a vertex, mirrors everywhere."""
    shape = sphere(48)
    return with_uvs(shape, np.random.default_rng(1).integers(0, steps, (len(shape.positions), 2)) / steps)


def soup() -> Primitive:
    """Five thousand triangles between forty places: points, lines, a hundred triangles at an edge."""
    dice = np.random.default_rng(2)
    normals = np.eye(3)[dice.integers(0, 3, 200)]
    places, uvs = dice.integers(0, 3, (200, 3)), dice.integers(0, 3, (200, 2))
    return primitive(places, normals, uvs, dice.integers(0, 200, 15_000))


SHAPES = {
    "box": box(),
    "sphere": sphere(64),
    "torus": torus(48),
    "mirrored": mirrored(),
    "few UVs": scattered(3),
    "many UVs": scattered(64),
    "soup": soup(),
}


@pytest.mark.node
@pytest.mark.parametrize("name", SHAPES)
def test_every_corner_agrees_with_the_reference(name: str, tmp_path: Path) -> None:
    """Smooth, mirrored, degenerate, non-manifold: within 1e-4, each corner. Where UVs are dice from nine places, the
    directions at one vertex in a thousand cancel out, and only either side's rounding is left."""
    assert disagreement(SHAPES[name], tmp_path) <= (0.001 if name == "few UVs" else 0)


@pytest.mark.node
def test_fifty_thousand_triangles_agree_with_the_reference(tmp_path: Path) -> None:
    assert disagreement(make_statue(50_000).meshes[0].primitives[0], tmp_path) == 0


@pytest.mark.node
@pytest.mark.skipif(not MODELS.is_dir(), reason="shared/models are not beside this checkout")
@pytest.mark.parametrize("path", ["Mixer/glTF-Binary/Mixer.glb", "TennisRacquet/glTF/TennisRacquet.gltf"])
def test_real_products_agree_with_the_reference(path: str, tmp_path: Path) -> None:
    limits = load_config().limits
    with open_source(MODELS / path, limits) as source:
        shapes = [shape for mesh in read_scene(source, limits).meshes for shape in mesh.primitives]
    assert shapes
    assert [disagreement(shape, tmp_path) for shape in shapes] == [0] * len(shapes)


@pytest.mark.parametrize("name", SHAPES)
def test_the_surface_and_the_old_vertices_stay(name: str) -> None:
    """Corners keep all that they had; old vertices keep their numbers; each corner has its own tangent."""
    shape = SHAPES[name]
    found = with_tangents(shape)
    for semantic, values in shape.attributes.items():
        np.testing.assert_array_equal(found.attributes[semantic][: len(values)], values)
        np.testing.assert_array_equal(found.attributes[semantic][found.indices], values[shape.indices])
    tangents, wanted = found.attributes["TANGENT"][found.indices], ours(shape)
    lean = np.abs((wanted[:, :3] * shape.attributes["NORMAL"][shape.indices]).sum(axis=1))
    directed = (lean < 1e-3) & (np.abs(np.linalg.norm(wanted[:, :3], axis=1) - 1) < 1e-3)
    assert directed.mean() > 0.8
    np.testing.assert_array_equal(tangents[directed], wanted[directed])


def test_a_vertex_is_split_only_where_its_corners_differ() -> None:
    """A smooth sphere keeps its vertices; where its texture is mirrored, the two meridians are doubled: 23 vertices
    each and their poles' corners."""
    assert len(with_tangents(sphere(48)).positions) == len(sphere(48).positions)
    shape = mirrored()
    found = with_tangents(shape)
    pairs = np.unique(np.column_stack([shape.indices, ours(shape)]), axis=0)
    assert len(found.positions) - len(shape.positions) == len(pairs) - len(np.unique(shape.indices)) > 0


def test_tangents_are_units_square_to_their_normals_even_without_uvs() -> None:
    """A viewer builds a frame from them whatever the UVs were."""
    for shape in [*SHAPES.values(), with_uvs(sphere(16), np.zeros((153, 2)))]:
        found = with_tangents(shape).attributes
        length = np.linalg.norm(found["TANGENT"][:, :3], axis=1)
        lean = (found["TANGENT"][:, :3] * found["NORMAL"]).sum(axis=1)
        np.testing.assert_allclose(length, 1, atol=1e-5)
        np.testing.assert_allclose(lean, 0, atol=2e-3)
        assert set(np.unique(found["TANGENT"][:, 3])) <= {-1, 1}


def test_a_line_takes_the_tangent_of_the_triangle_at_its_vertex() -> None:
    """A triangle without area has no direction of its own."""
    uvs, quad = grid(1, 1)
    flat = primitive(np.c_[uvs, 0 * uvs[:, :1]], np.tile([0, 0, 1], (4, 1)), uvs[:, ::-1], [*quad, 0, 0, 1])
    found = ours(flat)
    np.testing.assert_array_equal(found[6:8], found[[0, 0]])
    np.testing.assert_allclose(found[0, :3], [0, 1, 0], atol=1e-6)


def test_no_triangles_need_no_tangents() -> None:
    """Vertices that nothing draws still get a valid one."""
    empty = replace(box(), indices=np.zeros(0, np.uint32))
    assert ours(empty).shape == (0, 4)
    assert len(with_tangents(empty).attributes["TANGENT"]) == len(empty.positions)
