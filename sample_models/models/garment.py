"""A summer dress on a shop mannequin: skin, a turn on the spot, wind in the hem as morph targets, sheen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from kit.document import Document, Json, pbr, tiled
from kit.patterns import clouds, jpeg, linear, normals_of, orm, png, to_bytes, weave
from kit.surfaces import Array, Part, displace, join, lathe, place, sheet, smooth, spline, unit

from models.figure import INDEX, JOINTS, TRUNK, Joint, mannequin, rings, spread, weights_of
from models.turn import animate


def build() -> bytes:
    document = Document(copyright="CC0 1.0: no rights reserved")
    plaster, viscose, leather, steel = _materials(document)
    joints = _skeleton(document)
    skin = document.add(
        "skins",
        {
            "name": "figure",
            "joints": joints,
            "inverseBindMatrices": document.accessor(np.stack([_inverse_bind(joint) for joint in JOINTS])),
            "skeleton": joints[0],
        },
    )
    belt = _belt()
    primitives = [_skinned(document, part, weights, plaster) for part, weights in mannequin()]
    figure = document.add("meshes", {"name": "mannequin", "primitives": primitives})
    strap = _skinned(document, belt, weights_of(belt.points, TRUNK, 0.06), leather)
    meshes = {
        "mannequin": figure,
        "belt": document.add("meshes", {"name": "belt", "primitives": [strap]}),
        "dress": _dressed(document, viscose),
    }
    nodes = {name: document.node(name, mesh=mesh, skin=skin) for name, mesh in meshes.items()}
    stand = document.node("stand", mesh=document.mesh("stand", [(_stand(), steel)]))
    document.json["scenes"][0] = {"name": "dress-on-mannequin", "nodes": [joints[0], *nodes.values(), stand]}
    animate(document, joints, nodes["dress"])
    return document.glb()


def _skeleton(document: Document) -> list[int]:
    """One node per joint, parents after their children as the indices need."""
    made: dict[str, int] = {}
    for joint in reversed(JOINTS):
        children = [made[child.name] for child in JOINTS if child.parent == joint.name]
        where = np.array(joint.at) - (JOINTS[INDEX[joint.parent]].at if joint.parent else np.zeros(3))
        made[joint.name] = document.node(joint.name, translation=np.round(where, 6).tolist(), children=children or None)
    return [made[joint.name] for joint in JOINTS]


def _inverse_bind(joint: Joint) -> Array:
    """(4, 4), column after column as glTF wants it."""
    matrix = np.eye(4, dtype=np.float32)
    matrix[3, :3] = -np.array(joint.at)
    return matrix


def _skinned(document: Document, part: Part, weights: Array, material: int) -> Json:
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    four = np.take_along_axis(weights, strongest, axis=1)
    four = (four / four.sum(axis=1, keepdims=True)).astype(np.float32)
    joints = np.where(four > 0, strongest, 0).astype(np.uint8)
    return document.primitive(part, material, {"JOINTS_0": joints, "WEIGHTS_0": four})


def _dressed(document: Document, material: int) -> int:
    """The dress with its two morph targets."""
    dress = _dress()
    primitive = _skinned(document, dress, _dress_weights(dress), material)
    primitive["targets"] = [_target(document, dress, change) for change in (_wind, _twirl)]
    names = {"targetNames": ["wind", "twirl"]}
    return document.add("meshes", {"name": "dress", "primitives": [primitive], "weights": [0.0, 0.0], "extras": names})


def _dress_weights(dress: Part) -> Array:
    """Sleeves go with the arms; the skirt hangs from the hips and minds the thighs a little."""
    x, y, _ = dress.points.T
    names = ("hips", "spine", "chest", "upper-arm-l", "upper-arm-r")
    above = weights_of(dress.points, names, 0.035)
    below = np.zeros_like(above)
    knee = 0.35 * np.clip((1.0 - y) / 0.5, 0, 1)
    left = np.clip(0.5 + x / 0.25, 0, 1)
    below[:, INDEX["hips"]] = 1 - knee
    below[:, INDEX["thigh-l"]], below[:, INDEX["thigh-r"]] = knee * left, knee * (1 - left)
    blend = np.clip((y - 1.06) / 0.08, 0, 1)[:, None]
    return above * blend + below * (1 - blend)


def _target(document: Document, dress: Part, change: Callable[[Array], Array]) -> Json:
    blown = change(dress.points)
    normals = smooth(blown, dress.uvs, dress.faces).normals
    return {
        "POSITION": document.vertices((blown - dress.points).astype(np.float32), bounds=True),
        "NORMAL": document.vertices((normals - dress.normals).astype(np.float32)),
    }


def _wind(points: Array) -> Array:
    """The hem blows to the figure's left and ripples."""
    down = np.clip((1.0 - points[:, 1]) / 0.55, 0, 1) ** 1.6
    ripple = np.sin(points[:, 2] * 16 + points[:, 1] * 9)
    return points + down[:, None] * np.stack([0.11 + 0.02 * ripple, 0.035 + 0 * down, 0.022 * ripple - 0.02], axis=-1)


def _twirl(points: Array) -> Array:
    """The skirt flares as the figure turns."""
    down = np.clip((1.05 - points[:, 1]) / 0.60, 0, 1) ** 1.4
    out = points * [1, 0, 1]
    return points + down[:, None] * (0.30 * out + [0, 0.06, 0])


def _materials(document: Document) -> list[int]:
    height, _ = weave(512, 128, seed=61)
    normal = document.texture("cloth-normal", png(normals_of(height, 1.5)))
    packed = document.texture("cloth-orm", jpeg(orm(0.85 + 0.15 * height, 0.95 - 0.1 * height, 0)))
    print_ = document.texture("print-colour", jpeg(_flowers(1024), quality=90))
    sheen: Json = {"KHR_materials_sheen": {"sheenColorFactor": linear("#8a93b8"), "sheenRoughnessFactor": 0.45}}
    dress = document.material(
        "printed-viscose",
        doubleSided=True,
        pbrMetallicRoughness=pbr(baseColorTexture={"index": print_}, metallicRoughnessTexture=tiled(packed, 0.06)),
        normalTexture=tiled(normal, 0.06, scale=0.6),
        occlusionTexture=tiled(packed, 0.06, strength=0.7),
        extensions=sheen,
    )
    return [
        document.material("mannequin-plaster", pbrMetallicRoughness=pbr(linear("#d9cfc3"), rough=0.62)),
        dress,
        document.material("belt-leather", pbrMetallicRoughness=pbr(linear("#8a5a35"), rough=0.5)),
        document.material("stand-steel", pbrMetallicRoughness=pbr(linear("#9a9ca0"), rough=0.3, metal=1.0)),
    ]


def _flowers(px: int) -> Array:
    """(px, px, 3): a tiling print of five-petalled flowers and leaves on navy; it covers 0.5 m."""
    rng = np.random.default_rng(62)
    ground = np.array([0.125, 0.165, 0.32], np.float32) * (1 + 0.03 * clouds(px, 63)[..., None])
    palette = np.array([[0.93, 0.86, 0.78], [0.90, 0.52, 0.45], [0.93, 0.74, 0.38], [0.86, 0.66, 0.72]], np.float32)
    cells, reach = 7, px // 12
    y, x = np.mgrid[-reach:reach, -reach:reach].astype(np.float32) / px
    for row, column in np.ndindex(cells, cells):
        centre = np.round((np.array([row, column + 0.5 * (row % 2)]) + rng.uniform(0.2, 0.8, 2)) / cells * px).astype(
            int
        )
        size, spin, tone = rng.uniform(0.032, 0.055), rng.uniform(0, 6.3), palette[rng.integers(4)]
        window = np.ix_(*((at + np.arange(-reach, reach)) % px for at in centre))
        patch = ground[window]
        far, angle = np.hypot(x, y) / size, np.arctan2(y, x) + spin
        petal = far < 0.55 + 0.45 * np.abs(np.cos(2.5 * angle)) ** 0.8
        patch[(far < 1.45 * np.abs(np.cos(angle + 0.6)) ** 3) & (far > 0.3)] = np.array([0.36, 0.50, 0.40])
        patch[petal] = tone * (0.82 + 0.18 * np.minimum(far[petal], 1))[:, None]
        patch[far < 0.22] = np.array([0.80, 0.60, 0.22])
        ground[window] = patch
    return to_bytes(ground)


def _stand() -> Part:
    return lathe([(0, 0), (0.198, 0), (0.200, 0.002), (0.200, 0.010), (0.197, 0.0125), (0, 0.0125)], 128)


# the dress: (height, half width, half depth, forward, power), each a little outside the torso
BODICE = [
    (1.430, 0.140, 0.080, -0.011, 2.5),
    (1.415, 0.168, 0.086, -0.009, 2.6),
    (1.360, 0.172, 0.112, 0.004, 2.5),
    (1.290, 0.161, 0.122, 0.012, 2.3),
    (1.200, 0.143, 0.103, 0.004, 2.2),
    (1.115, 0.133, 0.093, 0.002, 2.1),
]
SKIRT = [
    (1.105, 0.135, 0.095, 0.002, 2.1),
    (1.060, 0.156, 0.110, 0.0, 2.1),
    (0.985, 0.192, 0.136, 0.0, 2.1),
    (0.900, 0.218, 0.168, 0.0, 2.0),
    (0.750, 0.262, 0.222, 0.0, 2.0),
    (0.600, 0.306, 0.274, 0.0, 2.0),
    (0.450, 0.350, 0.326, 0.0, 2.0),
]
FOLDS = 15


def _dress() -> Part:
    sleeves = [_sleeve(side) for side in (1, -1)]
    parts = [_bodice(), _skirt(), *sleeves]
    return join([Part(part.points, part.normals, part.uvs * 2, part.faces) for part in parts])  # the print covers 0.5 m


def _cloth(stations: list[tuple[float, ...]], rows: int, columns: int) -> tuple[Array, Array, Array]:
    """Lattice (rows, columns + 1, 3) hung from top to bottom, the angles of its columns, 0..1 down its rows."""
    table = spline(np.array(stations), rows)[::-1]
    angle = np.linspace(0, 2 * np.pi, columns + 1)
    s, c = np.sin(angle), np.cos(angle)
    s[-1], c[-1] = s[0], c[0]
    height, width, depth, forward, power = (table[:, k : k + 1] for k in range(5))
    x = width * np.sign(s) * np.abs(s) ** (2 / power)
    z = forward + depth * np.sign(c) * np.abs(c) ** (2 / power)
    return np.stack([x, height + 0 * x, z], axis=-1), angle, np.linspace(1, 0, rows)[:, None]


def _bodice() -> Part:
    lattice, angle, down = _cloth(BODICE, 60, 180)
    top = np.clip(1 - down / 0.4, 0, 1)
    # a scooped neck: the edge drops in front, a little behind, and stays up at the shoulders
    scoop = 0.085 * np.clip(np.cos(angle), 0, 1) ** 1.5 + 0.03 * np.clip(-np.cos(angle), 0, 1) ** 1.5
    lattice[..., 1] -= top * scoop
    gather = 0.0016 * np.cos(44 * angle) * np.exp(-((1 - down) / 0.22))
    blouse = 0.006 * np.sin(np.pi * np.clip((down - 0.55) / 0.45, 0, 1))
    return sheet(lattice + _outward(angle) * (gather + blouse)[..., None])


def _outward(angle: Array) -> Array:
    return np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)


def _skirt() -> Part:
    lattice, angle, down = _cloth(SKIRT, 96, 360)
    sway = angle + 0.10 * np.sin(3 * angle + 1) + 0.06 * np.sin(7 * angle)
    deep = np.cos(FOLDS * sway + 0.7 * down)
    folds = 0.024 * down**1.15 * deep * (1 + 0.35 * np.sin(2 * angle + 0.5))
    gather = 0.0022 * np.cos(60 * angle) * np.exp(-down / 0.10) + 0.003 * down * np.sin(31 * sway + 3 * down)
    lattice[..., 1] += 0.008 * down * np.cos(FOLDS * sway + 0.7) - 0.02 * down * np.cos(angle)
    return sheet(lattice + _outward(angle) * (folds + gather)[..., None])


def _sleeve(side: int) -> Part:
    """A short flutter sleeve, open at the hem."""
    line = spline(
        np.array(
            [
                (0.130, 1.428, -0.011, 0.052),
                (0.172, 1.400, -0.012, 0.058),
                (0.196, 1.335, -0.013, 0.064),
                (0.212, 1.262, -0.015, 0.078),
            ]
        ),
        40,
    )
    path, radius = line[:, :3], line[:, 3:]
    along = unit(np.gradient(path, axis=0))
    across = unit(np.cross(along, [0, 0, 1.0]))
    turn = np.linspace(0, 2 * np.pi, 97)
    turn[-1] = 0
    down = np.linspace(0, 1, 40)[:, None]
    wave = radius * (1 + 0.07 * down * np.cos(9 * turn))
    rows = path[:, None] + wave[..., None] * (
        np.cos(turn)[:, None] * across[:, None] + np.sin(turn)[:, None] * np.array([0, 0, 1.0])
    )
    return place(displace(sheet(rows[:, ::-1]), spread), scale=(side, 1, 1))


def _belt() -> Part:
    strap = rings(
        [
            (1.092, 0.1385, 0.0985, 0.002, 2.1),
            (1.096, 0.1405, 0.1005, 0.002, 2.1),
            (1.122, 0.1400, 0.1000, 0.002, 2.1),
            (1.126, 0.1375, 0.0975, 0.002, 2.1),
        ],
        12,
        120,
    )
    bow = [lathe([(0, -0.0065), (0.009, -0.005), (0.011, 0.0), (0.009, 0.005), (0, 0.0065)], 32)]
    return join([strap, place(bow[0], (0, 1.109, 0.1045), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))])
