"""A running shoe, 0.29 m long: all parts share one 4096² set of maps, the vents are cut by alpha, three colourways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from kit.document import Document, Json, pbr
from kit.patterns import linear, png
from kit.surfaces import (
    Array,
    Part,
    circle,
    displace,
    facing,
    join,
    quaternion,
    sheet,
    spline,
    split,
    tube,
)

from models import last
from models.laces import eyelet, eyelets, laces
from models.shoe_maps import CELLS, paint

# colourway -> what is knitted, the vents, the leather, the sole, the laces
COLOURWAYS = {
    "arctic": ("#c9d3dd", "#aebccb", "#3f6fa8", "#f0efea", "#f2f2f0"),
    "ember": ("#47484c", "#606166", "#d8552e", "#e9e6e0", "#e8a08a"),
    "moss": ("#8d9a78", "#a6b191", "#4d5b3f", "#dcd3bd", "#e8dfc6"),
}
Curve = Callable[[Array], Array]
WORN = ("knit", "vent", "leather", "sole", "lace")


def build() -> bytes:
    document = Document(copyright="CC0 1.0: no rights reserved")
    look = _materials(document)
    panels = join(_panels())
    pieces: dict[str, list[tuple[Part, str]]] = {
        "upper": _upper(),
        "panels": [(panels, "leather")],
        "tongue": [(_tongue(), "knit")],
        "sole": [(_midsole(), "sole"), (_outsole(), "tread")],
        "insole": [(_insole(), "lining")],
        "laces": [(laces(), "lace")],
    }
    nodes = [document.node(name, mesh=_mesh(document, name, parts, look)) for name, parts in pieces.items()]
    ring = _mesh(document, "eyelet", [(eyelet(), "metal")], look)
    for k, (at, normal) in enumerate(eyelets()):
        where = {"translation": np.round(at, 6).tolist(), "rotation": quaternion(facing(normal))}
        nodes.append(document.node(f"eyelet-{k}", mesh=ring, **where))
    document.root("running-shoe", nodes)
    document.use(["KHR_materials_variants"])
    document.json["extensions"] = {"KHR_materials_variants": {"variants": [{"name": name} for name in COLOURWAYS]}}
    return document.glb()


def _mesh(document: Document, name: str, parts: list[tuple[Part, str]], look: dict[str, int]) -> int:
    """A mesh whose primitives know their material in every colourway."""
    first = next(iter(COLOURWAYS))
    primitives = []
    for part, material in parts:
        dyed = material in WORN
        primitive = document.primitive(
            _in_cell(part, CELLS[material]), look[f"{material}-{first}" if dyed else material]
        )
        if dyed:
            mappings = [{"material": look[f"{material}-{way}"], "variants": [k]} for k, way in enumerate(COLOURWAYS)]
            primitive["extensions"] = {"KHR_materials_variants": {"mappings": mappings}}
        primitives.append(primitive)
    return document.add("meshes", {"name": name, "primitives": primitives})


def _in_cell(part: Part, cell: tuple[float, float, float, float]) -> Part:
    """UVs 0..1 moved into a material's rectangle (u, v, width, height) of the shared maps, a little off its border."""
    low, size = np.array(cell[:2]), np.array(cell[2:])
    inner = 0.004 + 0.992 * np.clip(part.uvs, 0, 1)
    return Part(part.points, part.normals, low + inner * size, part.faces)


def _materials(document: Document) -> dict[str, int]:
    colour, normal, packed = (document.texture(name, png(pixels, level=1)) for name, pixels in paint(4096))

    def made(name: str, tone: str, **more: object) -> int:
        look: Json = pbr(linear(tone), baseColorTexture={"index": colour}, metallicRoughnessTexture={"index": packed})
        metal = {"metallicFactor": 1.0}
        maps: Json = {"normalTexture": {"index": normal}, "occlusionTexture": {"index": packed}}
        return document.material(name, pbrMetallicRoughness={**look, **metal}, **maps, **more)

    cut = {"alphaMode": "MASK", "alphaCutoff": 0.5, "doubleSided": True}
    dyed = {
        f"{material}-{way}": made(f"{material}-{way}", tone, **(cut if material == "vent" else {}))
        for way, tones in COLOURWAYS.items()
        for material, tone in zip(WORN, tones, strict=True)
    }
    return {
        **dyed,
        "lining": made("lining", "#5a5d63"),
        "tread": made("tread", "#3c3d40"),
        "metal": made("metal", "#b9bbc0"),
    }


def _upper() -> list[tuple[Part, str]]:
    """Outside, rolled collar and lining are one surface, cut where the cloth changes."""
    columns, up, roll, down = 480, 64, 10, 40
    u = np.linspace(0, 1, columns + 1)[None]
    v = np.linspace(0, 1, up)[:, None]
    outer = last.upper(u + 0 * v, v + 0 * u)
    w = np.linspace(1, 0, down)[:, None]
    inner = last.upper(u + 0 * w, w + 0 * u, inset=_padding(u, w))
    middle, across = (outer[-1] + inner[0]) / 2, (outer[-1] - inner[0]) / 2
    thick = np.linalg.norm(across, axis=1, keepdims=True)
    turn = np.linspace(0, np.pi, roll + 2)[1:-1, None, None]
    lip = middle + across * np.cos(turn) + np.array([0, 1, 0]) * thick * 0.9 * np.sin(turn)
    whole = np.concatenate([outer, lip, inner])
    whole[:, -1] = whole[:, 0]
    cloth = sheet(whole, last.unit_uvs(len(whole), columns + 1))
    rows = cloth.uvs[cloth.faces].mean(axis=1) * [1, len(whole) - 1]
    outside = rows[:, 1] < up - 1 + roll / 2
    knit, lining = split(cloth, outside)
    knit_rows = rows[outside]
    knit = Part(knit.points, knit.normals, knit.uvs * [1, (len(whole) - 1) / (up + roll / 2)], knit.faces)
    far_from_toe = np.minimum(knit_rows[:, 0], 1 - knit_rows[:, 0])
    vents = (far_from_toe < 0.118) & (np.abs(knit_rows[:, 1] / up - 0.57) < 0.24)
    vent, knit = split(knit, vents)
    box = np.array([vent.uvs.min(axis=0), vent.uvs.max(axis=0)])
    toe = (vent.uvs[:, 0] + 0.5) % 1.0  # the toe lies across the seam of u
    across_toe = (toe - 0.38) / 0.24
    along = (vent.uvs[:, 1] - box[0, 1]) / (box[1, 1] - box[0, 1])
    vent = Part(vent.points, vent.normals, np.stack([across_toe, along], axis=1), vent.faces)
    return [(knit, "knit"), (vent, "vent"), (lining, "lining")]


def _padding(u: Array, v: Array) -> Array:
    """Metres between outside and lining: thick round the ankle, thin at the throat and the toe."""
    ankle = np.exp(-(((u - 0.5) / 0.22) ** 4))
    return ((0.0030 + 0.0055 * ankle) * (1 - 0.35 * (1 - v)))[..., None] + 0 * v[..., None]


def _panels() -> list[Part]:
    """Leather: toe guard, heel counter, eyestays and side stripes, each with a ninth of the leather's rectangle."""
    made = [_panel((-0.165, 0.165), lambda s: 0 * s, lambda s: 0.36 - 0.15 * s**2, 0.0011)]
    made.append(_panel((0.375, 0.625), lambda s: 0 * s, lambda s: 0.86 - 0.42 * np.abs(s) ** 1.5, 0.0013))
    for side in (1, -1):
        made.append(
            _panel(
                (side * 0.045, side * 0.292), lambda s: 0.78 - 0.10 * s - 0.06 * s**2, lambda s: 0.985 + 0 * s, 0.0014
            )
        )
        made.append(_saddle(side))
    return [_in_ninth(part, k) for k, part in enumerate(made)]


def _panel(span: tuple[float, float], low: Curve, high: Curve, lift: float) -> Part:
    """Between two curves v(s) over a span of u; s runs from -1 to 1."""
    first, final = sorted(span)
    s = np.linspace(-1, 1, 150) * (1 if span[0] < span[1] else -1)
    t = np.linspace(0, 1, 26)[:, None]
    u = np.linspace(first, final, 150)[None] + 0 * t
    v = low(s)[None] * (1 - t) + high(s)[None] * t
    return last.patch(u, v, lift)


def _saddle(side: int) -> Part:
    """A broad band from the laces to the sole."""
    t, w = np.linspace(0, 1, 60)[:, None], np.linspace(-1, 1, 40)[None]
    u = 0.247 - 0.02 * t + w * (0.030 - 0.016 * np.sin(np.pi * t))
    v = 0.02 + 0.72 * t + 0.02 * w
    return last.patch(u if side > 0 else 1 - u[:, ::-1], v if side > 0 else v[:, ::-1], 0.0010)


def _in_ninth(part: Part, k: int) -> Part:
    """The k-th cell of three by three."""
    row, column = divmod(k % 9, 3)
    return Part(part.points, part.normals, (np.array([column, row]) + 0.01 + 0.98 * part.uvs) / 3, part.faces)


def _tongue() -> Part:
    path = spline(
        np.array(
            [
                (0, 0.0610, 0.0740),
                (0, 0.0735, 0.0420),
                (0, 0.0870, 0.0120),
                (0, 0.1010, -0.0130),
                (0, 0.1170, -0.0350),
                (0, 0.1270, -0.0440),
            ]
        ),
        90,
    )
    ring = circle(1.0, 64)
    ring = np.sign(ring) * np.abs(ring) ** 0.6 * [0.0034, 0.0235]
    along = np.linspace(0, 1, 90)
    width = np.interp(along, [0, 0.1, 0.5, 0.9, 0.97, 1], [0.55, 0.68, 0.86, 1.0, 0.93, 0.62])
    flat = tube(path, ring, scale=width)
    arched = displace(
        flat,
        lambda points, _: points - np.stack([0 * points[:, 0], 11 * points[:, 0] ** 2, 0 * points[:, 0]], axis=1),
    )
    return last.unit_part(arched)


def _midsole() -> Part:
    """The wall of the sole: a lip over the upper, a groove, a flare at the heel."""
    u = np.linspace(0, 1, 361)
    z = last.stations(u)[:, 1]
    top, bottom = last.sole_top(z), last.sole_bottom(z) + 0.004
    flare = 0.004 * np.clip(-z / 0.14, 0, 1)
    shape = [
        (0.0, 0.0045),
        (0.05, 0.0052),
        (0.30, 0.0058),
        (0.44, 0.0054),
        (0.46, 0.0040),
        (0.50, 0.0040),
        (0.52, 0.0052),
        (0.80, 0.0046),
    ]
    shape += [(0.93, 0.0036), (0.985, 0.0026), (1.0, 0.0012), (0.99, -0.0035)]
    rows = [_level(bottom + (top - bottom) * h, out + flare * (1 - h)) for h, out in shape]
    wave = 0.0007 * np.sin(u * 150 * np.pi) * np.clip(np.abs(z + 0.02) / 0.05 - 0.4, 0, 1)
    for k in (1, 2, 3):
        rows[k] = rows[k] + (last.outward(u) * wave[:, None])
    lattice = np.array(rows)
    lattice[:, -1] = lattice[:, 0]
    return sheet(lattice, last.unit_uvs(len(rows), 361))


def _level(height: Array, offset: Array) -> Array:
    u = np.linspace(0, 1, len(height))
    at = last.stations(u)
    return np.stack([at[:, 0], height, at[:, 1]], axis=-1) + np.asarray(offset)[..., None] * last.outward(u)


def _outsole() -> Part:
    """Dark rubber under the sole, with a tread of ribs."""
    u = np.linspace(0, 1, 361)
    z = last.stations(u)[:, 1]
    bottom = last.sole_bottom(z)
    flare = 0.004 * np.clip(-z / 0.14, 0, 1)
    wall = np.array(
        [
            _level(bottom, 0.0025 + flare),
            _level(bottom + 0.0012, 0.0042 + flare),
            _level(bottom + 0.0041, 0.0047 + flare),
        ]
    )
    edge = wall[0]
    inside = last.filled(edge, 40)[::-1]
    ribs = 0.0018 * (np.sin(inside[..., 2] * 2 * np.pi / 0.011 + np.abs(inside[..., 0]) * 160) > 0.2)
    inside[1:-2, :, 1] = last.sole_bottom(inside[1:-2, :, 2]) + ribs[1:-2]
    parts = [sheet(np.concatenate([inside]), last.unit_uvs(40, 361)), sheet(wall, last.unit_uvs(3, 361) * [1, 0.1])]
    for part in parts:
        part.points[:, 1] = np.maximum(part.points[:, 1], 0)
    return join(parts)


def _insole() -> Part:
    u = np.linspace(0, 1, 241)
    z = last.stations(u)[:, 1]
    edge = _level(last.sole_top(z) - 0.0005, np.full(241, -0.0055))
    return sheet(last.filled(edge, 14), last.unit_uvs(14, 241) * [1, 1])
