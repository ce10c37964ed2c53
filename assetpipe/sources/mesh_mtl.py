"""MTL text -> Mtl per material: the numbers and maps that become glTF, with the options of each map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NUMBERS = {"kd": 3, "ks": 3, "ke": 3, "ns": 1, "d": 1, "tr": 1, "pr": 1, "pm": 1}
MAPS = {
    "map_kd": "base",
    "map_d": "alpha",
    "map_ke": "emissive",
    "map_emissive": "emissive",
    "map_pr": "roughness",
    "map_pm": "metallic",
    "norm": "normal",
    "map_kn": "normal",
    "map_bump": "bump",
    "bump": "bump",
}
IGNORED = {"map_ks", "map_ns", "disp", "map_disp", "decal", "refl", "map_ps", "aniso", "anisor", "map_pc", "map_pcr"}
OPTION_WORDS = {"-bm": 1, "-boost": 1, "-texres": 1, "-imfchan": 1, "-type": 1, "-clamp": 1, "-blendu": 1, "-blendv": 1,
                "-cc": 1, "-mm": 2}  # fmt: skip
VECTORS = {"-s", "-o", "-t"}
"""Options of one to three numbers."""


@dataclass(frozen=True)
class Map:
    uri: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    bump: float = 1.0
    channel: str = ""
    clamp: bool = False


@dataclass(frozen=True)
class Mtl:
    name: str
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """`kd`, `ns`, ...: lower case, as written."""
    maps: Mapping[str, Map] = field(default_factory=dict)
    """`base`, `alpha`, `emissive`, `roughness`, `metallic`, `normal`, `bump`"""
    ignored: tuple[str, ...] = ()
    """Statements that have no counterpart in glTF."""
    from_blender: bool = False


def parse_mtl(text: str) -> dict[str, Mtl]:
    """Material name -> Mtl; the first of two of one name counts. A number that cannot be read leaves the default."""
    blender = text.lstrip("\ufeff").lstrip().lower().startswith("# blender")
    materials: dict[str, Mtl] = {}
    name, numbers, maps, ignored = "", {}, {}, set()  # type: ignore[var-annotated]
    for line in [*text.replace("\\\n", " ").splitlines(), "newmtl"]:
        keyword, _, rest = re.sub(r"(^|\s)#.*", "", line).strip().replace("\t", " ").partition(" ")
        key, rest = keyword.lower(), rest.strip()
        if key == "newmtl":
            if name:
                materials.setdefault(name, Mtl(name, numbers, maps, tuple(sorted(ignored)), blender))
            name, numbers, maps, ignored = rest, {}, {}, set()
        elif key in NUMBERS:
            numbers |= {key: values} if (values := _numbers(rest, NUMBERS[key])) else {}
        elif key in MAPS:
            maps |= {MAPS[key]: found} if (found := _map(rest)) else {}
        elif key in IGNORED:
            ignored.add(keyword)
    return materials


def _numbers(text: str, least: int) -> tuple[float, ...] | None:
    """`Kd spectral file.rfl` and `Kd xyz …` are not read. `Kd 0.8` means grey; `d -halo 0.5` its number."""
    words = text.removeprefix("-halo").split()
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        return None
    if not values or not all(math.isfinite(value) for value in values):
        return None
    return (values + values[:1] * 3)[:3] if least == 3 and len(values) < 3 else values[:least]


def _map(text: str) -> Map | None:
    """Options come first, the file name is all the rest, blanks included."""
    options: dict[str, list[str]] = {}
    words = re.findall(r"\S+\s*", text)
    while words and (option := words[0].strip().lower()) in OPTION_WORDS.keys() | VECTORS:
        count = _vector_length(words[1:4]) if option in VECTORS else OPTION_WORDS[option]
        options[option] = [word.strip() for word in words[1 : 1 + count]]
        words = words[1 + count :]
    uri = "".join(words).strip().strip('"')
    if not uri:
        return None
    scale, offset = _vector(options.get("-s"), 1.0), _vector(options.get("-o"), 0.0)
    bump = _numbers(" ".join(options.get("-bm", [])), 1) or (1.0,)
    channel, clamp = "".join(options.get("-imfchan", [])), options.get("-clamp") == ["on"]
    return Map(uri, scale, offset, bump[0], channel.lower(), clamp)


def _vector_length(words: list[str]) -> int:
    """A file may be called `2`: the last word is never an option's."""
    numeric = [_numbers(word, 1) is not None for word in words]
    return numeric.index(False) if False in numeric else len(numeric)


def _vector(words: list[str] | None, default: float) -> tuple[float, float]:
    values = _numbers(" ".join(words), 1) and [float(word) for word in words] if words else None
    u, v = ([*values, default, default] if values else [default, default])[:2]
    return u, v
