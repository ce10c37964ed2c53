"""Over-ear headphones, 0.18 m high: hard edges, nine materials, small parts that many nodes share.

An ear is built about its own origin: +Y leads out of the ear, -X is up, +Z is the front.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from kit.document import Document, Json, pbr, tiled
from kit.patterns import clouds, jpeg, leather, linear, lumps, normals_of, orm, png, shades, stretched
from kit.surfaces import (
    Array,
    Part,
    bar,
    chamfered,
    circle,
    displace,
    facing,
    join,
    lathe,
    place,
    quaternion,
    soft_box,
    spline,
    tube,
    turned,
)

EAR = np.array([0.080, 0.03935, 0.0])  # middle of the right cup
LEAN = 5.0  # degrees by which a cup's lower end lies nearer to the neck
RADIUS, DEPTH = 0.0382, 0.82  # cups are ovals: half their height in metres; depth over height
PLATE = 0.0072  # the grille lies this far out

Pieces = list[tuple[Part, str]]


def build() -> bytes:
    document = Document(copyright="CC0 1.0: no rights reserved")
    look = _materials(document)
    meshes = {
        name: document.mesh(name, [(part, look[material]) for part, material in pieces])
        for name, pieces in _pieces().items()
    }
    right = document.node(
        "ear-right",
        translation=EAR.tolist(),
        rotation=quaternion(turned(z=-90 + LEAN)),
        children=_ear(document, meshes, "right"),
    )
    left = document.node(
        "ear-left",
        translation=EAR.tolist(),
        rotation=quaternion(turned(z=-90 + LEAN)),
        children=_ear(document, meshes, "left"),
    )
    nodes = [document.node(name, mesh=meshes[name]) for name in ("headband", "band-pad", "band-trim")]
    nodes += [right, document.node("other-side", rotation=[0.0, 1.0, 0.0, 0.0], children=[left])]
    document.root("headphones", nodes)
    return document.glb()


def _pieces() -> dict[str, Pieces]:
    return {
        "headband": [(_band(), "shell")],
        "band-pad": [(_band_pad(), "leather")],
        "band-trim": [(_band_trim(), "copper")],
        "cup": [(_shell(), "shell"), (_ring(), "copper"), (_face(), "aluminium"), (_grille(), "grille")],
        "cushion": [(_cushion(), "leather"), (_baffle(), "cloth")],
        "yoke": [(_yoke(), "aluminium"), (_pivots(), "steel"), (_joint(), "rubber")],
        "grille-hole": [(lathe([(0.00092, 0), (0.00085, 0.0002), (0, 0.0002)], 14), "rubber")],
        "screw": [(_screw(), "steel"), (_slot(), "rubber")],
        "button": [(_button(), "rubber")],
        "led": [(lathe([(0.0012, 0), (0.0011, 0.0005), (0.0007, 0.0008), (0, 0.0009)], 20), "led")],
        "usb": [(soft_box((0.0036, 0.0012, 0.0092), 0.0005, 0.0005), "steel"), (_port(), "rubber")],
    }


def _ear(document: Document, meshes: dict[str, int], side: str) -> list[int]:
    """Nodes of one ear; both ears show the same meshes, buttons, light and socket sit on the right one only."""

    def put(name: str, mesh: str, where: Array | None = None, turn: Array | None = None) -> int:
        moved: Json = {} if where is None else {"translation": [round(float(c), 6) for c in where]}
        if turn is not None:
            moved["rotation"] = quaternion(turn)
        return document.node(f"{name}-{side}", mesh=meshes[mesh], **moved)

    nodes = [put(name, name) for name in ("cup", "cushion", "yoke")]
    nodes += [put(f"hole-{k}", "grille-hole", at) for k, at in enumerate(_honeycomb())]
    nodes += [put(f"screw-{k}", "screw", at, turned(y=40.0 * k)) for k, at in enumerate(_screws())]
    if side == "right":
        nodes += [put(f"button-{k}", "button", *_rim(angle)) for k, angle in enumerate((128.0, 146.0, 164.0))]
        nodes += [put("led", "led", *_rim(112.0)), put("usb", "usb", *_rim(184.0))]
    return nodes


def _materials(document: Document) -> dict[str, int]:
    grain = leather(512, 40, seed=51)
    hide = document.texture("leather-normal", png(normals_of(grain, 4)))
    hide_orm = document.texture("leather-orm", jpeg(orm(0.75 + 0.25 * grain, 0.66 - 0.14 * grain, 0)))
    brush = 0.5 + 0.11 * stretched(clouds(512, 52, finest=2, coarsest=64, slope=0.2), 64)
    lines = document.texture("brushed-orm", jpeg(orm(1, 0.22 + 0.25 * brush, 1)))
    speckle = 0.5 + 0.2 * clouds(256, 53, finest=2, coarsest=8, slope=0)
    cloth = document.texture("acoustic-cloth", jpeg(shades(speckle, "#26262a", "#3c3c42")))
    coat: Json = {"KHR_materials_clearcoat": {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.06}}

    def plain(name: str, colour: str, rough: float, metal: float = 0.0, **more: object) -> int:
        return document.material(name, pbrMetallicRoughness=pbr(linear(colour), rough=rough, metal=metal), **more)

    brushed = pbr(linear("#c9cbd0"), rough=1.0, metal=1.0, metallicRoughnessTexture=tiled(lines, 0.05))
    hide_look = pbr(linear("#6e4a35"), rough=1.0, metallicRoughnessTexture=tiled(hide_orm, 0.05))
    return {
        "shell": plain("lacquered-shell", "#22303f", 0.5, extensions=coat),
        "aluminium": document.material("brushed-aluminium", pbrMetallicRoughness=brushed),
        "leather": document.material(
            "leather",
            pbrMetallicRoughness=hide_look,
            normalTexture=tiled(hide, 0.05, scale=0.7),
            occlusionTexture=tiled(hide_orm, 0.05),
        ),
        "copper": plain("anodised-copper", "#c98a5e", 0.25, 1.0),
        "grille": plain("grille", "#6c6e74", 0.38, 1.0),
        "cloth": document.material("acoustic-cloth", pbrMetallicRoughness=pbr(baseColorTexture=tiled(cloth, 0.03))),
        "rubber": plain("rubber", "#262628", 0.85),
        "steel": plain("steel", "#b4b6ba", 0.25, 1.0),
        "led": plain("status-led", "#303030", 0.4, emissiveFactor=linear("#35e08a")),
    }


def _arc(drop: float, count: int, reach: float) -> Array:
    """The headband's line, `drop` metres inside the outermost; `reach` 1 leads down to the ears."""
    angle = np.linspace(-1, 1, count) * reach * np.radians(88)
    return np.stack([(0.0795 - drop) * np.sin(angle), 0.0955 + (0.083 - drop) * np.cos(angle), 0 * angle], axis=-1)


def _taper(count: int) -> Array:
    """The band is widest on top of the head."""
    width: Array = 0.60 + 0.40 * np.clip(np.cos(np.linspace(-1, 1, count) * np.pi / 2), 0, 1) ** 0.8
    return width


def _band() -> Part:
    return bar(
        _arc(0.0, 160, 1.0), chamfered(0.029, 0.0052, 0.0011), scale=np.stack([_taper(160), np.ones(160)], axis=1)
    )


def _band_trim() -> Part:
    beside = 0.01435 * _taper(160)[:, None] * [0, 0, 1]
    return join([tube(_arc(0.0, 160, 0.985) + side * beside, circle(0.0011, 10)) for side in (1, -1)])


def _band_pad() -> Part:
    """The leather cushion under the band, quilted."""
    along = np.linspace(-1, 1, 260)
    ends = np.clip(1 - along**2, 0, 1) ** 0.25
    quilt = 1 - 0.16 * np.abs(np.cos((along + 1) * 5 * np.pi)) ** 10
    ring = circle(1.0, 40)
    ring = np.sign(ring) * np.abs(ring) ** 0.75 * [0.0054, 0.0135]
    return tube(_arc(0.0070, 260, 0.62), ring, scale=np.maximum(ends * quilt, 0.03))


def _oval(part: Part) -> Part:
    return place(part, scale=(1, 1, DEPTH))


def _shell() -> Part:
    profile = [
        (0.0, -0.0168),
        (0.0330, -0.0168),
        (0.0346, -0.0162),
        (0.0378, -0.0128),
        (RADIUS, -0.0116),
        (RADIUS, -0.0084),
    ]
    groove = [
        (0.0376, -0.0080),
        (0.0376, -0.0074),
        (RADIUS, -0.0070),
        (RADIUS, -0.0004),
        (0.0374, 0.0016),
        (0.0350, 0.0046),
    ]
    return _oval(lathe([*profile, *groove, (0.0344, 0.0050), (0.0330, 0.0050)], 160, crease=24))


def _ring() -> Part:
    return _oval(lathe([(0.0345, 0.0045), (0.0345, 0.0060), (0.0339, 0.0066), (0.0322, 0.0066), (0.0318, 0.0062)], 160))


def _face() -> Part:
    """A dished aluminium ring; its inner edge drops to the grille."""
    return _oval(
        lathe([(0.0322, 0.0058), (0.0316, 0.0068), (0.0236, 0.0084), (0.0230, 0.0082), (0.0230, PLATE - 0.0004)], 160)
    )


def _grille() -> Part:
    return _oval(lathe([(0.0232, PLATE), (0.0, PLATE)], 96))


def _honeycomb(pitch: float = 0.0031) -> Iterator[Array]:
    for row in range(-8, 9):
        for column in range(-8, 9):
            x, z = (column + 0.5 * (row % 2)) * pitch, row * pitch * np.sqrt(0.75)
            if np.hypot(x, z / DEPTH) < 0.0218:
                yield np.array([x, PLATE, z])


def _screws() -> list[Array]:
    return [np.array([0.0276 * np.cos(a), 0.0075, 0.0276 * DEPTH * np.sin(a)]) for a in np.radians([45, 135, 225, 315])]


def _screw() -> Part:
    return lathe([(0.0017, 0), (0.0017, 0.0005), (0.0014, 0.0008), (0.0, 0.0009)], 28)


def _slot() -> Part:
    """A cross in the screw's head."""
    blades = [
        place(soft_box((0.0021, 0.0004, 0.00042), 0.0001, 0.0004), (0, 0.00080, 0), turned(y=angle))
        for angle in (0, 90)
    ]
    return join(blades)


def _button() -> Part:
    return soft_box((0.0042, 0.0022, 0.0078), 0.0009, 0.0006)


def _port() -> Part:
    return place(soft_box((0.0022, 0.0006, 0.0074), 0.00025, 0.0005), (0, 0.0004, 0))


def _rim(angle: float) -> tuple[Array, Array]:
    """Place and rotation of a small part on the cup's rim, `angle` degrees from the top towards the back."""
    a = np.radians(angle)
    at = np.array([-RADIUS * np.cos(a), -0.0037, -RADIUS * DEPTH * np.sin(a)])
    out = np.array([at[0] * DEPTH, 0.0, at[2] / DEPTH])
    return at, facing(out)


def _loop(radius: float, height: float, start: float, stop: float, count: int) -> Array:
    """Points on an oval round the cup's axis; degrees from the top."""
    a = np.radians(np.linspace(start, stop, count))
    return np.stack([-radius * np.cos(a), np.full(count, height), radius * (DEPTH + 0.03) * np.sin(a)], axis=-1)


def _cushion() -> Part:
    path = _loop(0.0276, -0.0250, 0, 360, 181)[:-1] * [1, 1, DEPTH / (DEPTH + 0.03)]
    ring = circle(1.0, 48)
    ring = np.sign(ring) * np.abs(ring) ** 0.85 * [0.0092, 0.0088]
    body = tube(path, ring, closed=True)
    return displace(body, lambda points, normals: points + normals * (0.0004 * lumps(points, 0.009, 55))[:, None])


def _baffle() -> Part:
    return _oval(lathe([(0.0, -0.0190), (0.0215, -0.0190), (0.0225, -0.0168)], 64))


def _yoke() -> Part:
    """A fork from the slider round the cup's upper half."""
    fork = bar(_loop(0.0428, -0.0058, -93, 93, 120), chamfered(0.0078, 0.0026, 0.0006))
    stem = bar(np.linspace([-0.0425, -0.0058, 0], [-0.0640, 0.0050, 0], 8), chamfered(0.0030, 0.0094, 0.0006))
    return join([fork, stem])


def _pivots() -> Part:
    """The pins on which the cup tilts."""
    pin = lathe([(0.0, -0.0030), (0.0030, -0.0030), (0.0030, 0.0022), (0.0024, 0.0028), (0, 0.0028)], 32)
    ends = _loop(0.0428, -0.0058, -90, 90, 2)
    return join([place(pin, at, facing(at * [0, 0, 1])) for at in ends])


def _joint() -> Part:
    """The sleeve in which the slider meets the band."""
    knots = [(-0.0520, 0.0038, 0), (-0.0590, 0.0046, 0), (-0.0670, 0.0054, 0)]
    return bar(spline(np.array(knots), 12), chamfered(0.0078, 0.0215, 0.0014))
