"""A three-seat sofa, 2.2 m wide: soft shapes with folds and piping, tiled cloth by KHR_texture_transform."""

from __future__ import annotations

import numpy as np
from kit.document import Document, Json, pbr, tiled
from kit.patterns import clouds, jpeg, linear, lumps, normals_of, orm, png, shades, weave, wood
from kit.surfaces import (
    Array,
    Displace,
    Part,
    circle,
    displace,
    join,
    lathe,
    place,
    sheet,
    soft_box,
    spline,
    tube,
    turned,
)

PIPING = circle(0.0055, 8)
SEAT, BACK = (0.584, 0.17, 0.72), (0.578, 0.46, 0.19)  # cushions: width, height, depth in metres


def build() -> bytes:
    document = Document(copyright="CC0 1.0: no rights reserved")
    cloth, welt, mustard, oak, foot = _materials(document)
    nodes = [
        _node(document, "frame", [(_frame(), cloth), (_frame_piping(), welt)]),
        *(_node(document, f"seat-cushion-{k}", _seat(k, cloth, welt)) for k in range(3)),
        *(_node(document, f"back-cushion-{k}", _back(k, cloth, welt)) for k in range(3)),
        *(
            _node(document, f"throw-pillow-{k}", [(_pillow(k), (mustard, cloth)[k]), (_pillow_piping(k), welt)])
            for k in range(2)
        ),
        *_legs(document, oak, foot),
    ]
    document.root("sofa", nodes)
    return document.glb()


def _node(document: Document, name: str, pieces: list[tuple[Part, int]]) -> int:
    return document.node(name, mesh=document.mesh(name, pieces))


def _materials(document: Document) -> list[int]:
    height, tint = weave(1024, 96, seed=11)
    mottle = clouds(1024, 12, finest=3, coarsest=200, slope=0.6)
    level = 0.30 + 0.42 * height + 0.10 * tint + 0.07 * mottle
    colour = document.texture("cloth-colour", jpeg(shades(level, "#8f8c88", "#ffffff")))
    normal = document.texture("cloth-normal", png(normals_of(height, 5)))
    packed = document.texture("cloth-orm", jpeg(orm(0.7 + 0.3 * height, 0.98 - 0.12 * height, 0)))
    cloth_maps: Json = {
        "normalTexture": tiled(normal, 0.24, scale=0.9),
        "occlusionTexture": tiled(packed, 0.24, strength=0.8),
    }

    def cloth(name: str, tone: str) -> int:
        base, rough = tiled(colour, 0.24), tiled(packed, 0.24)
        look = pbr(linear(tone), baseColorTexture=base, metallicRoughnessTexture=rough)
        return document.material(name, pbrMetallicRoughness=look, **cloth_maps)

    grain = wood(512, seed=13)
    oak_colour = document.texture("oak-colour", jpeg(shades(grain, "#5f3d22", "#9a7044")))
    oak = pbr(rough=0.5, baseColorTexture=tiled(oak_colour, 0.3, turn=np.pi / 2))
    return [
        cloth("cloth-sage", "#a9b5a4"),
        cloth("cloth-piping", "#6f7d6c"),
        cloth("cloth-mustard", "#d9a441"),
        document.material("oak", pbrMetallicRoughness=oak),
        document.material("brushed-brass", pbrMetallicRoughness=pbr(linear("#c9a35b"), rough=0.35, metal=1.0)),
    ]


def _frame() -> Part:
    base = place(displace(soft_box((2.16, 0.16, 0.90), 0.025, 0.022), _settle(0.0015, 3)), (0, 0.22, 0.0))
    back = place(
        displace(soft_box((1.80, 0.56, 0.17), 0.06, 0.018), _settle(0.004, 4)), (0, 0.50, -0.355), turned(x=-5)
    )
    arms = [place(_arm(seed), (side * 0.985, 0.39, 0.0), scale=(side, 1, 1)) for side, seed in ((1, 5), (-1, 6))]
    return join([base, back, *arms])


def _arm(seed: int) -> Part:
    return displace(soft_box((0.225, 0.50, 0.95), 0.065, 0.015), _arm_shape(seed))


def _arm_shape(seed: int) -> Displace:
    settle = _settle(0.004, seed)

    def change(points: Array, normals: Array) -> Array:
        moved = settle(points, normals)
        flare = np.clip((moved[:, 1] + 0.05) / 0.3, 0, 1) ** 2
        crown = 0.012 * np.clip(normals[:, 1], 0, 1) * (1 - (points[:, 0] / 0.1125) ** 2)
        return moved + np.stack([0.02 * flare, crown, 0 * flare], axis=1)

    return change


def _frame_piping() -> Part:
    """A welt round the front of each arm and along the lower edge of the base."""
    welts = []
    for side, seed in ((1, 5), (-1, 6)):
        path, outward = _outline((0.225, 0.50), 0.065, 0.95 / 2)
        path, outward = path[:, [0, 2, 1]], outward[:, [0, 2, 1]]
        path = _arm_shape(seed)(path, outward)
        welts.append(place(tube(path[::-1], PIPING, closed=True), (side * 0.985, 0.39, 0.0), scale=(side, 1, 1)))
    return join(welts)


def _outline(size: tuple[float, float], radius: float, top: float, count: int = 240) -> tuple[Array, Array]:
    """Closed path along the round upper edge of a box of x by z, and the normals there; (count, 3) each."""
    diagonal = np.sqrt(0.5)
    half = np.array(size) / 2 - radius
    quarter = np.linspace(0, np.pi / 2, 9)
    angles = np.concatenate([quarter + k * np.pi / 2 for k in range(4)])
    corner = np.repeat(np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]), 9, axis=0) * half
    flat = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    ring = corner + flat * radius * diagonal
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(np.concatenate([ring, ring[:1]]), axis=0), axis=1))])
    wanted = np.linspace(0, length[-1], count, endpoint=False)

    def along(values: Array) -> Array:
        closed = np.concatenate([values, values[:1]])
        return np.stack([np.interp(wanted, length, column) for column in closed.T], axis=-1)

    xz, out = along(ring), along(flat) * diagonal
    path = np.stack([xz[:, 0], np.full(count, top - radius + radius * diagonal), xz[:, 1]], axis=-1)
    return path, np.stack([out[:, 0], np.full(count, diagonal), out[:, 1]], axis=-1)


def _settle(metres: float, seed: int) -> Displace:
    """Upholstery is never quite flat."""
    return lambda points, normals: points + normals * (metres * lumps(points, 0.17, seed))[:, None]


def _cushion_shape(size: tuple[float, float, float], plump: float, seed: int) -> Displace:
    """Stuffed: fuller in the middle, pinched and creased towards the corners, puckered along the seams. Thick in y."""
    half = np.array(size) / 2

    def change(points: Array, normals: Array) -> Array:
        x, y, z = (points / half).T
        middle = np.clip(1 - x**2, 0, 1) * np.clip(1 - z**2, 0, 1)
        bulge = plump * np.sign(y) * np.abs(y) ** 0.5 * middle**0.7
        sides = 0.012 * np.clip(1 - y**2, 0, 1)
        spread = np.stack([sides * np.sign(x) * np.abs(x) ** 3, bulge, sides * np.sign(z) * np.abs(z) ** 3], axis=1)
        folds = (
            _creases(points, half, seed) + 0.0035 * lumps(points, 0.13, seed) + 0.0012 * lumps(points, 0.035, seed + 1)
        )
        return points + spread + normals * folds[:, None]

    return change


def _creases(points: Array, half: Array, seed: int) -> Array:
    """Rays of shallow folds out of each corner, and a pucker all along the border seam; metres."""
    rng = np.random.default_rng(seed)
    depth = np.zeros(len(points))
    for sx, sz in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
        dx, dz = half[0] - sx * points[:, 0], half[2] - sz * points[:, 2]
        far, angle = np.hypot(dx, dz), np.arctan2(dz, dx)
        rays = np.cos(angle * rng.uniform(9, 13) + rng.uniform(0, 6) + 6 * far)
        depth += 0.0045 * rays * np.exp(-(((far - 0.06) / 0.075) ** 2)) * np.sign(points[:, 1] + 1e-9)
    rim = np.exp(-(((np.abs(points[:, 1]) - half[1]) / 0.03) ** 2))
    round_trip = np.arctan2(points[:, 2] / half[2], points[:, 0] / half[0])
    return depth + 0.0012 * rim * np.sin(round_trip * 46 + rng.uniform(0, 6))


def _cushion(size: tuple[float, float, float], plump: float, seed: int) -> tuple[Part, Part]:
    """Cushion and piping, thick in y, about the origin."""
    change = _cushion_shape(size, plump, seed)
    body = displace(soft_box(size, 0.045, 0.0128), change)
    path, outward = _outline((size[0], size[2]), 0.045, size[1] / 2)
    welt = tube((change(path, outward) + 0.003 * outward)[::-1], PIPING, closed=True)
    return body, join([welt, place(welt, scale=(1, -1, 1))])


def _seat(k: int, cloth: int, welt: int) -> list[tuple[Part, int]]:
    body, piping = _cushion(SEAT, 0.028, 20 + k)
    at = ((k - 1) * 0.586, 0.385, 0.105)
    return [(place(body, at), cloth), (place(piping, at), welt)]


def _back(k: int, cloth: int, welt: int) -> list[tuple[Part, int]]:
    body, piping = _cushion((BACK[0], BACK[2], BACK[1]), 0.045, 30 + k)
    at, lean = ((k - 1) * 0.584, 0.672, -0.165 + 0.008 * (k == 1)), turned(x=90 - 13, y=(k - 1) * -1.5)
    return [(place(body, at, lean), cloth), (place(piping, at, lean), welt)]


def _pillow_half(seed: int, side: int, count: int = 56) -> Part:
    """One face of a throw pillow, 0.46 m square, its edges drawn in between the corners."""
    ticks = np.sin(np.linspace(-1, 1, count + 1) * np.pi / 2)
    a, b = np.meshgrid(ticks, ticks)
    draw = 0.07
    x, y = 0.23 * a * (1 - draw * (1 - b**2)), 0.23 * b * (1 - draw * (1 - a**2))
    full = np.clip((1 - a**2) * (1 - b**2), 0, 1)
    flat = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    crumple = 0.016 * lumps(flat, 0.12, seed) + 0.004 * lumps(flat, 0.04, seed + 1)
    z = 0.075 * full**0.42 + crumple.reshape(a.shape) * full**0.5
    rays = np.cos(14 * np.arctan2(1.08 - np.abs(b), 1.08 - np.abs(a))) * np.exp(
        -((np.hypot(1 - abs(a), 1 - abs(b)) / 0.45) ** 2)
    )
    points = np.stack([x, y, side * (z + 0.004 * rays * full**0.3)], axis=-1)
    return sheet(points if side > 0 else points[:, ::-1])


POSES = (((-0.60, 0.705, 0.155), turned(x=-20, y=20, z=7)), ((0.63, 0.70, 0.14), turned(x=-22, y=-24, z=-9)))


def _pillow(k: int) -> Part:
    return place(join([_pillow_half(40 + k, 1), _pillow_half(44 + k, -1)]), *POSES[k])


def _pillow_piping(k: int) -> Part:
    corner = np.array([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    edges = [np.linspace(corner[j], corner[(j + 1) % 4], 30, endpoint=False) for j in range(4)]
    a, b = np.concatenate(edges).T
    path = np.stack([0.23 * a * (1 - 0.07 * (1 - b**2)), 0.23 * b * (1 - 0.07 * (1 - a**2)), 0 * a], axis=-1)
    return place(tube(spline(path, 240, closed=True), PIPING, closed=True), *POSES[k])


def _legs(document: Document, oak: int, foot: int) -> list[int]:
    """One mesh, four nodes."""
    leg = lathe([(0.0, 0.012), (0.0135, 0.012), (0.0145, 0.014), (0.026, 0.148), (0.0, 0.148)], 32)
    cap = lathe([(0.0, 0.0), (0.013, 0.0), (0.0155, 0.003), (0.0165, 0.022), (0.0155, 0.0235), (0.0, 0.0235)], 32)
    mesh = document.mesh("leg", [(leg, oak), (cap, foot)])
    corners = [(x, z) for z in (0.38, -0.38) for x in (-0.98, 0.98)]
    return [document.node(f"leg-{k}", mesh=mesh, translation=[x, 0.0, z]) for k, (x, z) in enumerate(corners)]
