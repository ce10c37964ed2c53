"""Meshes that break decimators: what no modeller would make on purpose, and what every tenth file has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array
from tests import shapes

TURN = 2 * np.pi


@dataclass(frozen=True, eq=False)
class Shape:
    points: Array
    """(n, 3) float64."""
    faces: Array
    """(f, 3)"""
    uvs: Array
    """(f, 3, 2) of each corner."""


def lattice(columns: int, rows: int, place: Callable[[Array, Array], tuple[Array, ...]]) -> Shape:
    """A grid of (u, v) in the unit square put into space; points that fall together are one, faces of none are gone."""
    uvs, indices = shapes.grid(columns, rows)
    u, v = uvs.T.astype(np.float64)
    points, at = np.unique(np.stack(np.broadcast_arrays(*place(u, v)), -1).round(7), axis=0, return_inverse=True)
    corners = indices.reshape(-1, 3).astype(np.int64)
    faces = at.reshape(-1)[corners]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return Shape(points, faces[whole], uvs[corners[whole]].astype(np.float64))


def sheet(n: int) -> Shape:
    return lattice(n, n, lambda u, v: (u, v, 0 * u))


def dunes(n: int) -> Shape:
    return lattice(n, n, lambda u, v: (u, v, 0.05 * np.sin(9 * u) * np.cos(8 * v)))


def ball(n: int) -> Shape:
    return lattice(2 * n, n, _round)


def pebble(n: int) -> Shape:
    """A ball with bumps."""
    return lattice(2 * n, n, lambda u, v: tuple(x * (1 + 0.2 * np.sin(3 * x) * y) for x, y in _pairs(_round(u, v))))


def _round(u: Array, v: Array) -> tuple[Array, ...]:
    return np.sin(np.pi * v) * np.cos(TURN * u), np.cos(np.pi * v), -np.sin(np.pi * v) * np.sin(TURN * u)


def _pairs(xyz: tuple[Array, ...]) -> list[tuple[Array, Array]]:
    return [(xyz[at], np.cos(2 * xyz[at - 1])) for at in range(3)]


def ring(n: int) -> Shape:
    """A torus."""

    def place(u: Array, v: Array) -> tuple[Array, ...]:
        out = 1 + 0.4 * np.cos(TURN * v)
        return out * np.cos(TURN * u), 0.4 * -np.sin(TURN * v), -out * np.sin(TURN * u)

    return lattice(2 * n, n, place)


def moebius(n: int) -> Shape:
    def place(u: Array, v: Array) -> tuple[Array, ...]:
        across = 0.8 * (v - 0.5)
        out = 1 + across * np.cos(TURN * u / 2)
        return out * np.cos(TURN * u), out * np.sin(TURN * u), across * np.sin(TURN * u / 2)

    return lattice(3 * n, n, place)


def klein(n: int) -> Shape:
    """The figure-eight immersion: closed, passes through itself, has no outside."""

    def place(u: Array, v: Array) -> tuple[Array, ...]:
        one, two = np.sin(TURN * v), np.sin(2 * TURN * v)
        c, s = np.cos(TURN * u / 2), np.sin(TURN * u / 2)
        out = 1.5 + 0.5 * (c * one - s * two)
        return out * np.cos(TURN * u), out * np.sin(TURN * u), 0.5 * (s * one + c * two)

    return lattice(2 * n, 2 * n, place)


def fan(n: int) -> Shape:
    """One hub, n * n triangles, an open rim."""
    return lattice(n * n, 1, lambda u, v: (v * np.cos(TURN * u), v * np.sin(TURN * u), 0.2 * (1 - v)))


def book(n: int) -> Shape:
    """Five sheets on one edge."""
    pages = [
        lattice(n, n, lambda u, v, a=a: (u * np.cos(a), u * np.sin(a), v + 0.05 * u * u)) for a in np.arange(5) * 1.1
    ]
    return together(*pages)


def bowtie(n: int) -> Shape:
    """Two balls that share one vertex, two sheets that share one corner with them."""
    one = ball(n)
    top = one.points[:, 1].argmax()
    flat = sheet(n)
    return together(
        one,
        replace(one, points=2 * one.points[top] - one.points),
        replace(flat, points=flat.points + one.points[top]),
        replace(flat, points=one.points[top] - flat.points),
    )


def colander(n: int) -> Shape:
    """A flat sheet with holes, some of which touch at a corner."""
    flat = sheet(n)
    middle = flat.points[flat.faces].mean(axis=1)
    return replace(_pick(flat, np.sin(17 * middle[:, 0]) * np.cos(13 * middle[:, 1]) > -0.4))


def two_sided(n: int) -> Shape:
    """A leaf modelled front and back on the same vertices."""
    front = dunes(n)
    return together(front, replace(front, faces=front.faces[:, ::-1], uvs=front.uvs[:, ::-1]))


def tetrahedra(n: int) -> Shape:
    """n * n closed pieces of four triangles."""
    rng = np.random.default_rng(n)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    places, sizes = rng.uniform(-10, 10, (n * n, 1, 3)), rng.uniform(0.01, 0.4, (n * n, 1, 1))
    return _scattered((corners * sizes + places).round(5), faces)


def quads(n: int) -> Shape:
    """n * n loose quads."""
    rng = np.random.default_rng(n)
    a, b, c = rng.uniform(-0.5, 0.5, (3, n * n, 1, 3)) + np.eye(3)[:, None, None]
    at = rng.uniform(-10, 10, (n * n, 1, 3))
    return _scattered((np.concatenate([a, b, c, b + c - a], axis=1) + at).round(5), np.array([[0, 1, 2], [2, 1, 3]]))


def _scattered(corners: Array, faces: Array) -> Shape:
    """(pieces, k, 3) corners, the (f, 3) faces of each piece."""
    every = (faces[None] + len(corners[0]) * np.arange(len(corners))[:, None, None]).reshape(-1, 3)
    points = corners.reshape(-1, 3)
    return Shape(points, every, (points[every][..., :2] + 10) / 20)


def soup(n: int) -> Shape:
    """Triangles between random points: nothing about it is manifold."""
    rng = np.random.default_rng(n)
    points, faces = rng.uniform(-1, 1, (3 * n, 3)).round(5), rng.integers(0, 3 * n, (n * n, 3))
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    return Shape(points, faces, rng.uniform(0, 1, (len(faces), 3, 2)))


def together(*parts: Shape) -> Shape:
    """As one mesh, joined where points are equal."""
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    points, at = np.unique(np.concatenate([p.points for p in parts]).round(7), axis=0, return_inverse=True)
    faces = np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)])
    return Shape(points, at.reshape(-1)[faces], np.concatenate([part.uvs for part in parts]))


def _pick(shape: Shape, faces: Array) -> Shape:
    return replace(shape, faces=shape.faces[faces], uvs=shape.uvs[faces])


def repeated(shape: Shape) -> Shape:
    """Every third face twice, every fifth once more from behind."""
    behind = _pick(shape, np.arange(0, len(shape.faces), 5))
    return together(
        shape,
        _pick(shape, np.arange(0, len(shape.faces), 3)),
        replace(behind, faces=behind.faces[:, ::-1], uvs=behind.uvs[:, ::-1]),
    )


def with_slivers(shape: Shape) -> Shape:
    """And faces without area: two corners in one, three on a line that leads nowhere; needles on the first edges."""
    few = shape.faces[::7]
    a, b = shape.points[few[:, 0]], shape.points[few[:, 1]]
    start = len(shape.points) + np.arange(len(few))
    points = np.concatenate([shape.points, (a + b) / 2, a + (b - a) * 0.3 + 1e-6])
    added = [few[:, [0, 0, 1]], np.stack([few[:, 0], start, few[:, 1]], 1)]
    added.append(np.stack([few[:, 0], start + len(few), few[:, 1]], 1))
    faces = np.concatenate([shape.faces, *added])
    uvs = np.concatenate([shape.uvs, *(shape.uvs[::7] for _ in added)])
    return Shape(points, faces, uvs)


CLOSED = {"ball": ball, "pebble": pebble, "ring": ring, "klein": klein}
OPEN = {"sheet": sheet, "dunes": dunes, "moebius": moebius, "fan": fan, "colander": colander}
BROKEN = {
    "book": book,
    "bowtie": bowtie,
    "two_sided": two_sided,
    "tetrahedra": tetrahedra,
    "quads": quads,
    "soup": soup,
}
EVERY = {**CLOSED, **OPEN, **BROKEN}
