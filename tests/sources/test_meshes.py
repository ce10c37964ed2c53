"""Source (OBJ with MTL, STL, PLY) -> Scene: what holds for all three."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assetpipe.errors import AssetpipeError
from tests.sources.mesh_files import read, sphere, stl

WORDS = (
    b"nan",
    b"1e400",
    b"-0",
    b"99999999999",
    b"\xff\xff\xff\xff",
    b"\0",
    b"\n\n",
    b"\\\n",
    b"usemtl ",
    b" 4294967295 ",
)


def seeds() -> list[tuple[str, bytes]]:
    mesh = sphere()
    mesh.visual.vertex_colors = np.tile(np.array([[1, 2, 3, 255]], np.uint8), (len(mesh.vertices), 1))
    obj = trimesh.exchange.obj.export_obj(mesh, include_normals=True)
    return [
        ("obj", f"{obj}\nusemtl m\nf 1//1 2//2 3\nl 1 2 3\np 1\nf -1 -2 -3 -4 -5\n".encode()),
        ("stl", stl(mesh)),
        ("stl", trimesh.exchange.stl.export_stl_ascii(mesh).encode()),
        ("ply", trimesh.exchange.ply.export_ply(mesh, vertex_normal=True)),
        ("ply", trimesh.exchange.ply.export_ply(mesh, encoding="ascii")),
    ]


def damage(data: bytes, dice: random.Random) -> bytes:
    """Bytes changed, cut out, put in, or the end torn off; half of it in the first 400 bytes."""
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(max(min(len(data), dice.choice((400, len(data)))), 1))
        data = dice.choice(
            (
                data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
                data[:at] + data[at + dice.randrange(1, 30) :],
                data[:at] + dice.choice(WORDS) + data[at:],
                data[: at + 1],
            )
        )
    return data


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    """Never a traceback or a warning; what is read is whole: finite, in range, of the right types."""
    suffix, whole = seeds()[seed]
    dice, named = random.Random(seed), []
    for number in range(120):
        path = tmp_path / f"{number}.{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                scene = read(path, damage(whole, dice))
            except AssetpipeError as error:
                named.append(path.name in error.message)
                continue
        for primitive in (one for mesh in scene.meshes for one in mesh.primitives):
            assert primitive.indices.max() < len(primitive.positions)
            for values in primitive.attributes.values():
                assert values.dtype == np.float32
                assert len(values) == len(primitive.positions)
                assert np.isfinite(values).all()
    assert named
    assert all(named)


@pytest.mark.parametrize("suffix", ["obj", "stl", "ply"])
def test_the_same_file_gives_the_same_arrays(tmp_path: Path, suffix: str) -> None:
    """Twice in a row, byte for byte."""
    data = dict(seeds())[suffix]
    first, second = (read(tmp_path / f"{name}.{suffix}", data).meshes[0].primitives for name in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.indices.tobytes() == other.indices.tobytes()
        assert {k: v.tobytes() for k, v in one.attributes.items()} == {
            k: v.tobytes() for k, v in other.attributes.items()
        }
