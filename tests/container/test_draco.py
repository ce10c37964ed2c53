"""What Draco may change, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import POINTS, Array, Primitive
from assetpipe.container.grid import position_grids
from tests.container.decode import Decoded
from tests.container.scenes import rich, settings, skinned, with_ids, written
from tests.shapes import box, scene, sphere, torus

STEP = 2.8 / (2**14 - 1)
"""Of the lattice of a torus 2.8 metres wide."""


def by_id(decoded: Decoded, name: str) -> Array:
    """The attribute in the order of the source."""
    order = np.argsort(decoded.attributes["_ID"].reshape(-1), kind="stable")
    return decoded.attributes[name][order].astype(np.float64)


@pytest.fixture(scope="module")
def source() -> Primitive:
    return rich()


@pytest.fixture(scope="module")
def decoded(source: Primitive) -> Decoded:
    found = written(scene(source)).primitive()
    assert found.draco
    assert len(found.attributes["_ID"]) == len(source.positions)
    return found


def test_positions_stay_within_half_a_step_of_the_lattice(source: Primitive, decoded: Decoded) -> None:
    """The step is the asset's largest side over 2^position_bits."""
    assert np.abs(by_id(decoded, "POSITION") - source.positions).max() <= STEP / 2 * 1.01


def test_normals_stay_within_a_quarter_of_a_degree(source: Primitive, decoded: Decoded) -> None:
    """Ten bits on an octahedron."""
    cosines = (by_id(decoded, "NORMAL") * source.attributes["NORMAL"]).sum(axis=1)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.25


def test_tangents_stay_within_a_quarter_of_a_degree_and_keep_their_sign(source: Primitive, decoded: Decoded) -> None:
    """They are shorts of ten significant bits."""
    found, wanted = by_id(decoded, "TANGENT"), source.attributes["TANGENT"]
    cosines = (found[:, :3] * wanted[:, :3]).sum(axis=1) / np.linalg.norm(found[:, :3], axis=1)
    assert decoded.stored["TANGENT"].dtype == np.int16
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.25
    assert np.array_equal(found[:, 3], wanted[:, 3])


@pytest.mark.parametrize("name", ["TEXCOORD_0", "TEXCOORD_1"])
def test_texture_coordinates_stay_within_half_a_texel_at_4096(source: Primitive, decoded: Decoded, name: str) -> None:
    """Every set, whichever way it takes through Draco."""
    assert np.abs(by_id(decoded, name) - source.attributes[name]).max() * 4096 <= 0.5 + 1e-3


def test_a_texture_tiled_twenty_times_keeps_the_precision_of_a_texel() -> None:
    """Coordinates outside the unit square survive, with more bits."""
    base = torus(40)
    tiled = (base.attributes["TEXCOORD_0"] * 20 - 7).astype(np.float32)
    source = with_ids(base, TEXCOORD_0=tiled)
    found = written(scene(source)).primitive()
    assert np.abs(by_id(found, "TEXCOORD_0") - tiled).max() * 4096 <= 0.5 + 0.02


def test_joints_are_exact_and_weights_sum_to_one(source: Primitive, decoded: Decoded) -> None:
    """Exactly: 255 of 255. A weight that becomes 0 takes its joint along."""
    weights = decoded.stored["WEIGHTS_0"]
    assert weights.dtype == np.uint8
    assert (weights.sum(axis=1, dtype=int) == 255).all()
    assert np.abs(by_id(decoded, "WEIGHTS_0") - source.attributes["WEIGHTS_0"]).max() <= 1 / 255
    used = by_id(decoded, "WEIGHTS_0") > 0
    assert np.array_equal(by_id(decoded, "JOINTS_0")[used], source.attributes["JOINTS_0"][used])
    assert not by_id(decoded, "JOINTS_0")[~used].any()


def test_eight_influences_sum_to_one_together() -> None:
    """Over both sets, with 16 bits when asked for."""
    base, random = torus(20), np.random.default_rng(2)
    weights = random.random((len(base.positions), 8))
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    joints = np.tile(np.arange(8, dtype=np.uint16), (len(weights), 1))
    halves = {
        f"{name}_{at}": values[:, at * 4 : at * 4 + 4]
        for name, values in (("WEIGHTS", weights), ("JOINTS", joints))
        for at in (0, 1)
    }
    found = written(scene(with_ids(base, **halves)), weight_bits=16).primitive()
    total = found.stored["WEIGHTS_0"].sum(axis=1, dtype=int) + found.stored["WEIGHTS_1"].sum(axis=1, dtype=int)
    assert (total == 65535).all()
    assert np.abs(by_id(found, "WEIGHTS_1") - weights[:, 4:]).max() <= 1 / 65535


def test_custom_attributes_keep_their_values_and_their_type() -> None:
    """Unsigned, signed and float; DracoPy itself refuses signed ones."""
    base, random = torus(30), np.random.default_rng(3)
    count = len(base.positions)
    own = {
        "_SIGNED": random.integers(-30000, 30000, (count, 2)).astype(np.int16),
        "_TINY": random.integers(-128, 127, (count, 4)).astype(np.int8),
        "_BYTES": random.integers(0, 255, (count, 3)).astype(np.uint8),
        "_HEAT": random.normal(size=(count, 1)).astype(np.float32),
    }
    found = written(scene(with_ids(base, **own))).primitive()
    assert found.draco
    for name, values in own.items():
        assert found.stored[name].dtype == values.dtype
        assert np.array_equal(by_id(found, name), values.astype(np.float64)), name


def test_triangles_keep_their_corners_and_their_winding(source: Primitive, decoded: Decoded) -> None:
    """The same triangles, in another order perhaps, each turned perhaps, none mirrored."""
    ids = decoded.attributes["_ID"].reshape(-1).astype(int)
    assert canonical(ids[decoded.indices]) == canonical(source.indices)


def canonical(indices: Array) -> list[tuple[int, ...]]:
    rows = [tuple(int(corner) for corner in row) for row in np.asarray(indices).reshape(-1, 3)]
    return sorted(row[row.index(min(row)) :] + row[: row.index(min(row))] for row in rows)


def split(primitive: Primitive) -> list[Primitive]:
    """The left and the right half of the triangles, each with its own vertices."""
    triangles = primitive.indices.reshape(-1, 3)
    left = primitive.positions[triangles].mean(axis=1)[:, 0] < 0.1 * primitive.positions.max()
    halves = []
    for mask in (left, ~left):
        used, indices = np.unique(triangles[mask], return_inverse=True)
        attributes = {name: values[used] for name, values in primitive.attributes.items()}
        halves.append(replace(primitive, indices=indices.reshape(-1).astype(np.uint32), attributes=attributes))
    return halves


@pytest.mark.parametrize("geometry", ["draco", "meshopt"])
@pytest.mark.parametrize("size", [1.0, 3.3e-4, 1.7e5])
def test_primitives_that_share_a_border_decode_to_the_same_bits_on_it(geometry: str, size: float) -> None:
    """No crack opens, be the asset a grain or a city: Draco rounds lattices to six decimals behind one's back."""
    source = replace(torus(48), attributes={"POSITION": np.float32(size) * torus(48).positions})
    halves = split(source)
    shared = as_bits(halves[0].positions) & as_bits(halves[1].positions)
    file = written(scene(*halves), geometry)
    both = as_bits(file.primitive(0, 0).attributes["POSITION"]) & as_bits(file.primitive(0, 1).attributes["POSITION"])
    assert len(shared) > 40
    assert len(both) >= len(shared)
    assert np.abs(file.primitive(0, 0).attributes["POSITION"]).max() == pytest.approx(1.4 * size, rel=1e-3)


def as_bits(positions: Array) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(positions, np.float32)}


def test_a_primitive_that_draco_cannot_hold_still_meets_its_neighbour() -> None:
    """Morph targets keep a primitive plain; its positions lie on the lattice that the decoder makes."""
    halves = split(torus(48))
    morphed = replace(halves[0], targets=({"POSITION": np.full_like(halves[0].positions, 0.1)},))
    file = written(scene(morphed, halves[1]))
    plain, packed = file.primitive(0, 0), file.primitive(0, 1)
    shared = as_bits(halves[0].positions) & as_bits(halves[1].positions)
    assert not plain.draco
    assert packed.draco
    assert len(as_bits(plain.attributes["POSITION"]) & as_bits(packed.attributes["POSITION"])) >= len(shared)


def test_accessors_say_what_the_decoder_gives() -> None:
    """Counts and bounds are those of the decoded data, bit for bit."""
    file = written(scene(sphere(40), torus(40)))
    for at in (0, 1):
        found = file.primitive(0, at)
        own = file.gltf.meshes[0].primitives[at]
        accessor = file.gltf.accessors[own.attributes.POSITION]
        positions = found.attributes["POSITION"].astype(np.float32)
        assert accessor.min == positions.min(axis=0).tolist()
        assert accessor.max == positions.max(axis=0).tolist()
        assert accessor.count == len(positions)
        assert file.gltf.accessors[own.indices].count == len(found.indices)


def test_points_and_tiny_meshes_stay_plain() -> None:
    """Draco is for triangles, and a buffer larger than the plain data helps nobody."""
    cloud = replace(torus(20), mode=POINTS, indices=np.arange(len(torus(20).positions), dtype=np.uint32))
    triangle = replace(box(), indices=np.array([0, 1, 2], np.uint32), attributes={"POSITION": box().positions})
    file = written(scene(cloud, triangle))
    assert not file.primitive(0, 0).draco
    assert not file.primitive(0, 1).draco
    assert "extensionsUsed" not in file.json or not file.json["extensionsUsed"]


def test_a_mesh_of_degenerate_triangles_is_written_plain(capfd: pytest.CaptureFixture[str]) -> None:
    """Draco refuses it, aloud; we do not ask it."""
    base = torus(10)
    flat = replace(base, indices=np.repeat(base.indices[::3], 3))
    assert not written(scene(flat)).primitive().draco
    assert capfd.readouterr() == ("", "")


def test_unused_vertices_are_not_stored() -> None:
    """A level of detail names few of its source's vertices."""
    base = torus(40)
    half = replace(base, indices=base.indices[: len(base.indices) // 2])
    used = len(np.unique(half.indices))
    for geometry in ("draco", "meshopt"):
        assert len(written(scene(half), geometry).primitive().attributes["POSITION"]) <= used


def test_a_mesh_shown_at_a_hundredth_gets_the_same_lattice_in_metres() -> None:
    """A mesh in centimetres beside one in metres loses nothing, and nothing is wasted on it."""
    asset = scene(torus(20))
    large = replace(torus(20), attributes={"POSITION": torus(20).positions * np.float32(100)})
    nodes = (asset.nodes[0], replace(asset.nodes[0], json={"mesh": 1, "scale": [0.01] * 3, "translation": [0, 0.5, 0]}))
    both = replace(asset, nodes=nodes, meshes=(*asset.meshes, replace(asset.meshes[0], primitives=(large,))))
    metres, centimetres = position_grids(both, settings().position_bits)
    assert centimetres.step * 0.01 == pytest.approx(metres.step, rel=0.02)


def test_a_skinned_mesh_is_measured_by_its_joints() -> None:
    """Its own node's scale is not applied, by the specification."""
    asset = skinned(rich(20))
    scaled = replace(
        asset, nodes=(replace(asset.nodes[0], json={**asset.nodes[0].json, "scale": [9.0] * 3}), *asset.nodes[1:])
    )
    assert position_grids(scaled, 14) == position_grids(asset, 14)
