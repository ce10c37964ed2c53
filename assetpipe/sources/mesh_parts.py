"""The nouns that the OBJ, STL and PLY readers hand to `meshes.py`, and what all three do to arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from meshoptimizer import generate_vertex_remap

from assetpipe.asset import Array, Floats, Indices, Primitive
from assetpipe.errors import SourceError

FAR = 100.0
"""A model farther from the origin than this many times its own size loses digits in float32."""


@dataclass(frozen=True, eq=False)
class Part:
    """What becomes one primitive. Parts of one name become one mesh on one node."""

    name: str
    material: str | None
    primitive: Primitive


@dataclass(frozen=True, eq=False)
class MeshFile:
    """A file's geometry, and the names of the files that hold its materials or its texture."""

    parts: tuple[Part, ...]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the parts' (0, 0, 0) lies in the file's coordinates."""
    libraries: tuple[str, ...] = ()
    texture: str = ""
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def settle(positions: Array, used: Array) -> tuple[Floats, tuple[float, float, float]]:
    """(n, 3) float64 -> float32 near the origin, and the shift, (0, 0, 0) unless float32 would lose digits."""
    if not len(used):
        return positions.astype(np.float32), (0.0, 0.0, 0.0)
    low, high = positions[used].min(axis=0), positions[used].max(axis=0)
    # Twice the half: 1e308 - -1e308 is not a number any more.
    centre, size = low / 2 + high / 2, float((high / 2 - low / 2).max()) * 2
    if np.abs(centre).max() <= FAR * size:
        return narrow(positions), (0.0, 0.0, 0.0)
    shift = np.round(centre)
    return narrow(positions - shift), (float(shift[0]), float(shift[1]), float(shift[2]))


def narrow(values: Array) -> Floats:
    """float32; what does not fit becomes infinite and is refused or dropped later, by place."""
    return np.ascontiguousarray(values, np.float32)


def check_positions(positions: Array, used: Array, name: str) -> None:
    """Refuse NaN, infinity and lengths that no renderer can square."""
    wild = ~(np.abs(positions[used]) <= 1e18).all(axis=1)
    if not wild.any():
        return
    first = int(used[wild.argmax()])
    finite = bool(np.isfinite(positions[used][wild]).all())
    code, fault = ("E_EXTENT", "farther than 1e18 m") if finite else ("E_NONFINITE", "NaN or infinite")
    raise SourceError(
        code,
        f"{name}: {int(wild.sum()):,} of {len(used):,} vertices are {fault}, the first is vertex {first}: "
        f"{positions[first].tolist()}",
        hint="repair the mesh in the program that made it and export it again",
    )


def unify(rows: Array) -> tuple[Array, Indices]:
    """(n, k) of 4-byte numbers -> the first of each set of equal rows, rising, and (n,) uint32 the set of each row.

    6 M rows: a hash table 1.1 s; sorting a 64-bit hash of each row 4.5 s; `np.unique(axis=0)` 14 s.
    """
    count = len(rows)
    sets = np.empty(count, np.uint32)
    if count:
        packed = np.ascontiguousarray(rows)
        # Its wrapper reads nothing without indices.
        generate_vertex_remap(
            sets, np.arange(count, dtype=np.uint32), count, packed, count, packed.itemsize * rows.shape[1]
        )
    newest = np.maximum.accumulate(sets.astype(np.int64))  # sets are numbered as they come up
    return np.flatnonzero(np.diff(newest, prepend=-1)), sets


def mark(numbers: Array, size: int) -> Array:
    """Which of 0..size - 1 occur, rising. `np.unique` sorts, and takes ten times as long."""
    seen = np.zeros(size, bool)
    seen[numbers.reshape(-1)] = True
    return np.flatnonzero(seen)


def linear_from_srgb(colours: Array) -> Floats:
    """(n, 3..4) sRGB in 0..1, alpha untouched -> linear, as COLOR_0 wants it (IEC 61966-2-1)."""
    clamped = np.clip(colours, 0, 1)
    linear = np.where(clamped <= 0.04045, clamped / 12.92, ((clamped + 0.055) / 1.055) ** 2.4)
    linear[:, 3:] = clamped[:, 3:]
    return np.ascontiguousarray(linear, np.float32)


def finite_only(attributes: dict[str, Array], label: str) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Without those that hold NaN or infinity; normals to unit length, those of no length make the attribute go too."""
    kept, repairs = {}, []
    for semantic, values in attributes.items():
        sound = bool(np.isfinite(values).all())
        if sound and semantic == "NORMAL":
            length = np.linalg.norm(values, axis=1, keepdims=True)
            sound = bool((length > 1e-12).all())
            values = values if not sound else values / length
        if sound:
            kept[semantic] = np.ascontiguousarray(values, np.float32)
        else:
            repairs.append(f"{label}: {semantic} dropped, some of its values are not finite or have no length")
    return kept, tuple(repairs)
