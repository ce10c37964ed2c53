"""Small OBJ, STL and PLY files for tests to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import trimesh

from assetpipe.asset import Array, Scene
from assetpipe.config import load_config
from assetpipe.errors import AssetpipeError
from assetpipe.sources.files import open_source
from assetpipe.sources.meshes import read_meshes

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def read(path: Path, data: str | bytes) -> Scene:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    limits = load_config().limits
    return read_meshes(open_source(path, limits), limits)


def refuse(path: Path, data: str | bytes) -> AssetpipeError:
    with pytest.raises(AssetpipeError) as caught:
        read(path, data)
    assert str(path.parent) not in caught.value.message
    assert path.name in caught.value.message
    return caught.value


def corners(scene: Scene, mesh: int = 0, primitive: int = 0) -> Array:
    """(triangles, 3, 3) positions"""
    found = scene.meshes[mesh].primitives[primitive]
    return found.positions[found.indices.reshape(-1, 3)]


def area(triangles: Array) -> float:
    return float(
        np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1).sum() / 2
    )


def picture(path: Path, colour: tuple[int, ...] | Array, mode: str = "RGB") -> None:
    image = PIL.Image.new(mode, (4, 4), colour) if isinstance(colour, tuple) else PIL.Image.fromarray(colour)
    image.save(path)


def sphere() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=2)


def stl(mesh: trimesh.Trimesh) -> bytes:
    return bytes(trimesh.exchange.stl.export_stl(mesh))
