"""What EXT_meshopt_compression may change, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import LINES, Array, Primitive
from tests.container.decode import File
from tests.container.scenes import rich, with_ids, written
from tests.container.test_draco import STEP, by_id, canonical
from tests.shapes import scene, torus


@pytest.fixture(scope="module")
def source() -> Primitive:
    return rich()


@pytest.fixture(scope="module")
def file(source: Primitive) -> File:
    return written(scene(source), "meshopt")


@pytest.mark.parametrize(
    ("name", "error"), [("POSITION", STEP / 2), ("TEXCOORD_0", 0.5 / 4096), ("TEXCOORD_1", 0.5 / 4096)]
)
def test_floats_stay_within_half_a_step(source: Primitive, file: File, name: str, error: float) -> None:
    """Positions by the asset's lattice, texture coordinates by half a texel at 4096."""
    assert np.abs(by_id(file.primitive(), name) - source.attributes[name]).max() <= error * 1.001


@pytest.mark.parametrize("name", ["NORMAL", "TANGENT"])
def test_vectors_stay_within_a_quarter_of_a_degree(source: Primitive, file: File, name: str) -> None:
    """They are unit shorts; a tangent keeps its sign."""
    found, wanted = by_id(file.primitive(), name), source.attributes[name]
    lengths = np.linalg.norm(found[:, :3], axis=1)
    cosines = (found[:, :3] * wanted[:, :3]).sum(axis=1) / lengths
    assert np.abs(lengths - 1).max() < 1e-4
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.25
    assert np.array_equal(found[:, 3:], wanted[:, 3:])


def test_triangles_keep_their_corners_and_their_winding(source: Primitive, file: File) -> None:
    """Their order changes for the vertex cache, nothing else."""
    found = file.primitive()
    ids = found.attributes["_ID"].reshape(-1).astype(int)
    assert canonical(ids[found.indices]) == canonical(source.indices)


def test_joints_are_exact_and_weights_sum_to_one(source: Primitive, file: File) -> None:
    """As with Draco."""
    found = file.primitive()
    used = by_id(found, "WEIGHTS_0") > 0
    assert (found.stored["WEIGHTS_0"].sum(axis=1, dtype=int) == 255).all()
    assert np.array_equal(by_id(found, "JOINTS_0")[used], source.attributes["JOINTS_0"][used])


def test_morph_targets_lie_on_the_lattice_of_what_they_change() -> None:
    """Differences stay within half a step too, and vertices moved together stay together."""
    base = torus(30)
    moved = (base.positions * np.float32(0.013)).astype(np.float32)
    found = written(scene(replace(with_ids(base), targets=({"POSITION": moved},))), "meshopt").primitive()
    order = np.argsort(found.attributes["_ID"].reshape(-1))
    assert np.abs(found.targets[0]["POSITION"][order] - moved).max() <= STEP / 2


def test_lines_keep_their_order() -> None:
    """Their indices are a sequence, not triangles."""
    base = with_ids(torus(30))
    lines = replace(base, mode=LINES, indices=(np.arange(1200, dtype=np.uint32) * 7) % 490)
    found = written(scene(lines), "meshopt").primitive()
    assert np.array_equal(found.attributes["_ID"].reshape(-1)[found.indices], lines.indices)


def test_compressed_views_name_a_fallback_buffer_that_is_never_stored(file: File) -> None:
    """Buffer 0 is the file's, buffer 1 exists only once decompressed; their views do not overlap."""
    stored, fallback = file.json["buffers"]
    assert fallback["extensions"] == {"EXT_meshopt_compression": {"fallback": True}}
    assert not stored["uri"]
    assert not fallback["uri"]
    ends = [0, 0]
    for view in file.json["bufferViews"]:
        assert view["byteOffset"] == ends[view["buffer"]] + -ends[view["buffer"]] % 4
        ends[view["buffer"]] = view["byteOffset"] + view["byteLength"]
        if "EXT_meshopt_compression" in (view.get("extensions") or {}):
            own = view["extensions"]["EXT_meshopt_compression"]
            assert view["byteLength"] == own["count"] * own["byteStride"]
            ends[0] = own["byteOffset"] + own["byteLength"]
    assert ends[1] + -ends[1] % 4 == fallback["byteLength"]


def test_it_is_smaller_than_plain(source: Primitive) -> None:
    """By a factor of three on a smooth mesh."""
    assert len(written(scene(torus(100)), "meshopt").blob) * 3 < len(written(scene(torus(100)), "none").blob)


def test_the_vertex_cache_is_used_better_than_by_a_shuffled_mesh() -> None:
    """Fewer than one transformed vertex per triangle in a cache of 16."""
    base = torus(60)
    shuffled = np.random.default_rng(4).permutation(base.indices.reshape(-1, 3)).reshape(-1)
    found = written(scene(replace(base, indices=shuffled)), "meshopt").primitive()
    assert misses(found.indices) / (len(shuffled) / 3) < 0.9 < misses(shuffled) / (len(shuffled) / 3)


def misses(indices: Array) -> int:
    cache: list[int] = []
    count = 0
    for index in np.asarray(indices).tolist():
        if index not in cache:
            count, cache = count + 1, [index, *cache[:15]]
    return count
