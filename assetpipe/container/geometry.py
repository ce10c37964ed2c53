"""Scene -> EncodedGeometry: all mesh data as bytes, once, whatever the textures will be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from assetpipe.asset import TRIANGLES, Primitive, Scene
from assetpipe.config import Compression
from assetpipe.container import draco, meshopt
from assetpipe.container.columns import keep, reduce, shorten
from assetpipe.container.encoded import EncodedGeometry, EncodedPrimitive
from assetpipe.container.grid import Grid, position_grids
from assetpipe.container.plain import store

FLOAT_ONLY = ("POSITION", "NORMAL", "TANGENT")
UNUSED = Grid((0.0, 0.0, 0.0), 1.0, 1)
Encoder = Callable[[Primitive, Grid], EncodedPrimitive]


def encode_geometry(scene: Scene, compression: Compression) -> EncodedGeometry:
    """Encode every mesh of a pruned scene; `none` keeps each value, `draco` and `meshopt` quantise by the settings."""
    assert all(len(primitive.indices) for mesh in scene.meshes for primitive in mesh.primitives), "prune first"
    kept = compression.geometry == "none"
    grids = (UNUSED,) * len(scene.meshes) if kept else position_grids(scene, compression.position_bits)
    meshes = _encode_each(scene, grids, _encoder(compression))
    return EncodedGeometry(meshes, tuple(_extensions([primitive for mesh in meshes for primitive in mesh])))


def _extensions(primitives: Sequence[EncodedPrimitive]) -> Iterator[str]:
    """What a viewer must know to read the primitives."""
    if any(_is_quantized(primitive) for primitive in primitives):
        yield "KHR_mesh_quantization"
    if any(primitive.draco for primitive in primitives):
        yield "KHR_draco_mesh_compression"
    if any(view.meshopt for primitive in primitives for view in primitive.views):
        yield "EXT_meshopt_compression"


def _is_quantized(primitive: EncodedPrimitive) -> bool:
    """Whether an attribute that the core specification wants as float is not."""
    vectors = ((name, own) for block in (primitive.attributes, *primitive.targets) for name, own in block.items())
    return any(name in FLOAT_ONLY and own.json["componentType"] != 5126 for name, own in vectors)


def _encoder(compression: Compression) -> Encoder:
    if compression.geometry == "none":
        return lambda primitive, _: store(primitive, keep(primitive))
    return partial(_compress if compression.geometry == "draco" else _pack, compression=compression)


def _compress(primitive: Primitive, grid: Grid, compression: Compression) -> EncodedPrimitive:
    """Draco where it is allowed and smaller, else plain on the same grid."""
    drawn = drop_unused_vertices(primitive)
    columns = reduce(drawn, grid, compression)
    plain = store(drawn, shorten(columns))
    packed = draco.compress(drawn, columns, grid, compression) if drawn.mode == TRIANGLES else None
    return packed if packed and _size(packed) < _size(plain) else plain


def _pack(primitive: Primitive, grid: Grid, compression: Compression) -> EncodedPrimitive:
    return meshopt.pack(drop_unused_vertices(primitive), grid, compression)


def _size(primitive: EncodedPrimitive) -> int:
    return sum(len(view.data) for view in primitive.views)


def _encode_each(scene: Scene, grids: tuple[Grid, ...], encode: Encoder) -> tuple[tuple[EncodedPrimitive, ...], ...]:
    """Equal primitives once; the others on as many threads as there are cores, for Draco releases the interpreter."""
    keys = [
        [_fingerprint(primitive, grid) for primitive in mesh.primitives]
        for mesh, grid in zip(scene.meshes, grids, strict=True)
    ]
    unique = {
        key: (primitive, grid)
        for mesh, grid, row in zip(scene.meshes, grids, keys, strict=True)
        for key, primitive in zip(row, mesh.primitives, strict=True)
    }
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        encoded = dict(zip(unique, pool.map(lambda job: encode(*job), unique.values()), strict=True))
    return tuple(tuple(encoded[key] for key in row) for row in keys)


def _fingerprint(primitive: Primitive, grid: Grid) -> bytes:
    digest = hashlib.blake2b(repr((primitive.mode, grid)).encode(), digest_size=16)
    for block in ({"": primitive.indices}, primitive.attributes, *primitive.targets):
        for semantic, values in block.items():
            digest.update(f"{semantic} {values.dtype} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data.cast("B") if values.size else b"")
    return digest.digest()


def drop_unused_vertices(primitive: Primitive) -> Primitive:
    """Only the vertices that an index names, in their order."""
    used = np.zeros(len(primitive.positions), bool)
    used[primitive.indices] = True
    if used.all():
        return primitive
    place = (np.cumsum(used) - 1).astype(np.uint32)
    return replace(
        primitive,
        indices=place[primitive.indices],
        attributes={semantic: values[used] for semantic, values in primitive.attributes.items()},
        targets=tuple({semantic: values[used] for semantic, values in target.items()} for target in primitive.targets),
    )
