"""A table lamp, 0.46 m high: a smoked-glass shade over a glowing bulb, and metadata of every kind."""

from __future__ import annotations

import numpy as np
from kit.document import Document, Json, pbr, tiled
from kit.patterns import clouds, jpeg, linear, shades
from kit.surfaces import Array, Part, circle, join, lathe, place, spline, tube

NECK, BULB = 0.262, 0.318  # heights in metres: where the shade rests; the middle of the bulb
GLASS = 0.0026  # metres, the wall of the shade
XMP: Json = {
    "@context": {"dc": "http://purl.org/dc/elements/1.1/", "xmpRights": "http://ns.adobe.com/xap/1.0/rights/"},
    "@id": "",
    "dc:title": {"@type": "rdf:Alt", "rdf:_1": {"@language": "en", "@value": "Table lamp with a smoked-glass shade"}},
    "dc:rights": "CC0 1.0: no rights reserved",
    "xmpRights:Marked": False,
}


def build() -> bytes:
    document = Document(
        copyright="CC0 1.0: no rights reserved",
        extensions={"KHR_xmp_json_ld": {"packet": 0}},
        extras={"sku": "lamp-0046", "season": "all year"},
    )
    document.use(["KHR_xmp_json_ld", "KHR_lights_punctual"])
    light = {"type": "point", "name": "bulb-light", "color": [1.0, 0.78, 0.52], "intensity": 0.35, "range": 6.0}
    document.json["extensions"] = {"KHR_xmp_json_ld": {"packets": [XMP]}, "KHR_lights_punctual": {"lights": [light]}}
    brass, marble, rubber, glass, bulb, filament = _materials(document)
    pieces: list[tuple[str, list[tuple[Part, int]]]] = [
        ("foot", [(_marble_foot(), marble), (_felt(), rubber)]),
        ("stem", [(_stem(), brass)]),
        ("switch", [(_switch(), brass)]),
        ("cord", [(_cord(), rubber)]),
        ("bulb", [(_bulb(), bulb), (_filament(), filament)]),
        ("shade", [(_shade(), glass), (_collar(), brass)]),
    ]
    nodes = [document.node(name, mesh=document.mesh(name, parts), extras={"part": name}) for name, parts in pieces]
    lit = {"KHR_lights_punctual": {"light": 0}}
    nodes.append(document.node("bulb-light", translation=[0.0, BULB, 0.0], extensions=lit))
    document.root("lamp", nodes, extras={"care": "wipe with a dry cloth", "watts": 7})
    return document.glb()


def _materials(document: Document) -> list[int]:
    veins = 1 - np.abs(np.tanh(clouds(512, 71, finest=6, coarsest=400, slope=1.3) * 2.2))
    stone = 0.93 - 0.5 * veins**5 + 0.04 * clouds(512, 72, finest=2, coarsest=64)
    colour = document.texture("marble-colour", jpeg(shades(stone, "#5c5f63", "#ecebe7")))
    marble: Json = pbr(rough=0.22, baseColorTexture=tiled(colour, 0.16))
    glass_look: Json = {
        "KHR_materials_transmission": {"transmissionFactor": 1.0},
        "KHR_materials_volume": {
            "thicknessFactor": GLASS,
            "attenuationDistance": 0.004,
            "attenuationColor": linear("#d8a878"),
        },
        "KHR_materials_ior": {"ior": 1.5},
    }
    glow: Json = {"KHR_materials_emissive_strength": {"emissiveStrength": 9.0}}
    return [
        document.material("brushed-brass", pbrMetallicRoughness=pbr(linear("#d2ab62"), rough=0.28, metal=1.0)),
        document.material("marble", pbrMetallicRoughness=marble, extras={"origin": "made by noise"}),
        document.material("black-rubber", pbrMetallicRoughness=pbr(linear("#2a2a2c"), rough=0.8)),
        document.material("smoked-glass", pbrMetallicRoughness=pbr(rough=0.04), extensions=glass_look),
        document.material(
            "opal-bulb",
            pbrMetallicRoughness=pbr(linear("#f0e6d8"), rough=0.4),
            emissiveFactor=linear("#ffd9a8"),
            extensions={"KHR_materials_emissive_strength": {"emissiveStrength": 1.6}},
        ),
        document.material(
            "filament",
            pbrMetallicRoughness=pbr(linear("#f0c890"), rough=1.0),
            emissiveFactor=linear("#ffb45e"),
            extensions=glow,
        ),
    ]


def _marble_foot() -> Part:
    return lathe([(0, 0.002), (0.068, 0.002), (0.070, 0.004), (0.070, 0.025), (0.068, 0.027), (0.0, 0.027)], 128)


def _felt() -> Part:
    return lathe([(0, 0), (0.063, 0), (0.063, 0.0019), (0, 0.0019)], 96)


def _stem() -> Part:
    """Turned brass: a flange, a ball, a reeded shaft and the cup that holds the shade."""
    profile = [(0.0, 0.0271), (0.030, 0.0271), (0.031, 0.0280), (0.031, 0.0310), (0.029, 0.0325), (0.012, 0.036)]
    profile += [(0.0075, 0.044), (0.0065, 0.056)]
    ball = [(0.0065 + 0.0105 * np.sin(a), 0.070 - 0.0140 * np.cos(a)) for a in np.linspace(0.1, np.pi - 0.1, 14)]
    shaft = [(0.0065, 0.086), (0.0058, 0.150), (0.0062, 0.205), (0.0085, 0.208), (0.0085, 0.214), (0.0065, 0.217)]
    cup = [
        (0.0068, 0.224),
        (0.011, 0.232),
        (0.021, 0.242),
        (0.026, 0.252),
        (0.0268, 0.2605),
        (0.0255, 0.2618),
        (0.0, 0.2618),
    ]
    socket = [(0.0155, 0.2619), (0.0155, 0.284), (0.0148, 0.285), (0.0, 0.285)]
    return join([lathe(profile + ball + shaft + cup, 96), lathe(socket, 64)])


def _switch() -> Part:
    button = lathe([(0, 0), (0.0045, 0), (0.0045, 0.004), (0.0038, 0.005), (0, 0.0055)], 32)
    return place(button, (0.0, 0.0271, 0.047))


def _bulb() -> Part:
    radius = 0.030
    globe = [(radius * np.sin(a), BULB - radius * np.cos(a)) for a in np.linspace(0.42, np.pi, 40)]
    globe[-1] = (0.0, globe[-1][1])
    return lathe([(0.0125, 0.2851), (0.0125, BULB - 0.028), *globe], 72, crease=80)


def _filament() -> Part:
    """A ring of light round the bulb's neck, seen through the shade."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = np.stack([0.0142 * np.sin(turn), np.full(72, 0.2875), 0.0142 * np.cos(turn)], axis=-1)
    return tube(ring, circle(0.0012, 10), closed=True)


def _shade_line() -> Array:
    """Outer profile of the shade: a mushroom's bell, open above and below."""
    knots = [
        (0.030, NECK),
        (0.050, 0.268),
        (0.086, 0.292),
        (0.105, 0.335),
        (0.094, 0.385),
        (0.063, 0.430),
        (0.042, 0.458),
    ]
    return spline(np.array(knots), 64)


def _shade() -> Part:
    """A closed wall of glass: outside, rim, inside, rim."""
    outer = _shade_line()
    step = np.gradient(outer, axis=0)
    inward = np.stack([-step[:, 1], step[:, 0]], axis=-1) / np.linalg.norm(step, axis=1, keepdims=True)
    inner = outer + GLASS * inward
    bead = [(outer[-1] + inner[-1]) / 2 + [0, 0.0011], (outer[0] + inner[0]) / 2 - [0, 0.0011]]
    return lathe(np.concatenate([outer, bead[:1], inner[::-1], bead[1:], outer[:1]]), 128, crease=75)


def _collar() -> Part:
    """The brass ring in which the shade stands."""
    return lathe(
        [(0.0335, 0.2585), (0.0345, 0.2595), (0.0335, 0.2612), (0.0268, 0.2612), (0.0268, 0.2585), (0.0335, 0.2585)], 96
    )


def _cord() -> Part:
    knots = [
        (0, 0.010, -0.066),
        (0.004, 0.0085, -0.080),
        (0.02, 0.0035, -0.105),
        (0.07, 0.0031, -0.125),
        (0.13, 0.0031, -0.105),
    ]
    knots += [(0.165, 0.0031, -0.055), (0.150, 0.0031, 0.0), (0.158, 0.0031, 0.045)]
    path = spline(np.array(knots), 160)
    plug = spline(np.array([(0.158, 0.0131, 0.045), (0.163, 0.0131, 0.062), (0.168, 0.0131, 0.085)]), 24)
    shape = np.interp(np.arange(24), [0, 3, 8, 16, 21, 23], [0.45, 0.55, 0.8, 1.0, 1.0, 0.92])
    pins = [
        tube(
            plug[-1] + np.array([side * 0.0055, 0, 0]) + np.linspace(0, 1, 5)[:, None] * [0.004, 0, 0.016],
            circle(0.0022, 12),
        )
        for side in (1, -1)
    ]
    lift = np.interp(np.arange(160), [0, 135, 159], [0, 0, 0.010])
    return join(
        [
            tube(path + lift[:, None] * [0, 1, 0], circle(0.003, 12)),
            tube(plug, circle(0.0125, 24, 0.95), scale=shape),
            *pins,
        ]
    )
