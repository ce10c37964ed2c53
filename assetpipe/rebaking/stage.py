"""Source, materials worn in its variants -> Stage: their triangles, ready to be baked from, and what must stay as is.

Most levels need nothing: so what is measured is staged first (the shape alone), and tangents and textures, which take
longer, only when some level asks for them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from assetpipe.asset import TRIANGLES, Material, Primitive, Scene
from assetpipe.baking import Layer, Staged, stage_source
from assetpipe.baking.materials import BASE_COLOUR, NORMAL
from assetpipe.queries.device import Device
from assetpipe.rebaking.loss import LAYER
from assetpipe.rebaking.maps import maps_of, pictures_of, unit_squares, unknown_to, uv_set_of
from assetpipe.rebaking.surfaces import (
    keys_of,
    mesh_scales,
    primitives_of,
    stretch,
    surface_of,
    with_source_tangents,
)
from assetpipe.rebaking.tiles import repeats
from assetpipe.slots import Laid, laid
from assetpipe.tangents import STRAIGHT, Turn
from assetpipe.worn import NOTHING, Key, Worn, worn_by

TEXELS_EACH = 8
"""For each triangle of the source: more would show nothing that it has."""
LEAST_PX = 64
MANY = range(100_000, 4_000_000)
"""Triangles of which some level is coarse enough to get normals, as a rule; of more, steps take their memory one after
the other."""
FILL = 0.6
"""Of a square that charts cover."""
POINTER, ANISOTROPY = "KHR_animation_pointer", "KHR_materials_anisotropy"
COAT_BUMPS = "clearcoatNormal"
BUMPS = frozenset({NORMAL, COAT_BUMPS})
Way = tuple[int, Turn]
"""Which UVs, and how they are turned."""


@dataclass(frozen=True, eq=False)
class Stage:
    worn: Worn
    materials: tuple[Material, ...]
    """Each once, that without a variant first."""
    primitives: Mapping[Key, Primitive]
    scales: Sequence[float]
    """of the source's meshes"""
    stretch: float
    """Times a deviation in metres: how far that may be in a mesh that nodes stretch more one way than another."""
    shape: Staged
    bent: Mapping[Key, Primitive] | None
    """With the tangents of its normal map, where there are so many that they were made at the same time."""
    maps: frozenset[str]
    """that their textures, or colours of vertices, fill"""
    coloured: bool
    """Whether vertices have colours, which every base colour map takes in."""
    uv_sets: tuple[int, ...]
    """Where normal maps lie, or would, that of the first material first."""
    own_px: int
    """Side of a picture that shows all there is, in the UVs that it has."""
    new_px: int
    """And where it is unwrapped: what tiles takes more, what shows a corner of its picture less."""
    normal_px: int
    """The same of its normal map alone; 0 where it has none."""
    repeats: bool
    """Whether all maps show the same one tile on."""
    bound: str
    """Why nothing about the materials may change; "" where it may."""
    fixed: str
    """Why UVs must stay."""
    coats: frozenset[Way]
    """How the bumps of its coats lie."""

    @property
    def uv_set(self) -> int:
        """For a normal map."""
        return self.uv_sets[0]

    @property
    def name(self) -> str:
        return " / ".join(each.name or "what has no name" for each in self.materials)


def stage_shape(source: Scene, worn: Worn, device: Device) -> Stage:
    numbers = tuple(dict.fromkeys(worn))
    materials = tuple(Material({}) if number == NOTHING else source.materials[number] for number in numbers)
    keys, scales = keys_of(source, worn), mesh_scales(source)
    primitives = primitives_of(source, keys)
    filled = frozenset[str]().union(*map(maps_of, materials))
    uv_sets = tuple(_looked_up(materials)) or (0,)
    surface = surface_of(primitives, scales)
    coloured = {BASE_COLOUR} if surface.colours is not None else set()
    shape = math.isqrt(TEXELS_EACH * surface.triangles)
    pictures = [picture for material in materials for picture in pictures_of(source, material)]
    squares = {each: unit_squares(surface, each) for each in {picture.uv_set for picture in pictures}}
    shown = [(picture.slot, math.sqrt(picture.shown(squares[picture.uv_set]) / FILL)) for picture in pictures]
    sides = [side for slot, side in shown if slot == "normal"]
    with ThreadPoolExecutor(1) as beside:  # each is one core's work, a second and more for a million triangles
        early = NORMAL in filled and surface.triangles in MANY
        bent = beside.submit(with_source_tangents, primitives, uv_sets[0]) if early else None
        staged = stage_source(surface, (LAYER,), device)
    return Stage(
        worn,
        materials,
        primitives,
        scales,
        stretch(source, {mesh for mesh, _ in keys}),
        staged,
        bent.result() if bent else None,
        filled | coloured,
        coloured=bool(coloured),
        uv_sets=uv_sets,
        own_px=_power_of_two(max([*(max(each.size) for each in pictures), shape, LEAST_PX])),
        new_px=_power_of_two(max([*(side for _, side in shown), shape, LEAST_PX])),
        normal_px=_power_of_two(max(sides, default=0.0)),
        repeats=all(repeats(source, material) for material in materials),
        bound=next(bonds(source, numbers), ""),
        fixed=next((why for material in materials for why in _fixtures(material)), ""),
        coats=frozenset(
            way_of(laid(slot.info)) for each in materials for slot in each.textures if slot.name == COAT_BUMPS
        ),
    )


def stage_maps(stage: Stage, layers: Sequence[Layer]) -> tuple[Staged, ...]:
    """The same with all that maps are baked from: once for each way in which normal maps' tangents lie, for variants
    may have theirs in different UVs, and a coat's bumps may be turned against the normals'."""
    ways: dict[Way, list[Layer]] = {(stage.uv_set, STRAIGHT): []}
    for layer in layers:
        ways.setdefault(_way(layer, stage.uv_set), []).append(layer)
    return tuple(_stage_way(stage, own, way) for way, own in ways.items() if own)


def _way(layer: Layer, default: int) -> Way:
    """Whose tangents it asks for."""
    (coat,) = layer.coats
    if layer.kind != "normal" or coat.texture is None:
        return default, STRAIGHT
    a, b, u, c, d, v = coat.matrix
    return way_of(Laid(coat.uv_set, (a, b, c, d), (u, v)))


def way_of(found: Laid) -> Way:
    return found.uv_set, STRAIGHT if found.is_straight else found.turn


def _stage_way(stage: Stage, layers: Sequence[Layer], way: Way) -> Staged:
    primitives = stage.primitives
    if BUMPS & stage.maps and any(layer.kind == "normal" for layer in layers):
        bent = stage.bent if way == (stage.uv_set, STRAIGHT) else None
        primitives = bent or with_source_tangents(primitives, *way)
    return stage_source(surface_of(primitives, stage.scales), layers, stage.shape.device, like=stage.shape)


def _looked_up(materials: Sequence[Material]) -> dict[int, None]:
    """The UV sets of normal maps, or of where they would be."""
    slots = ({slot.name: slot for slot in material.textures} for material in materials)
    ones = (own.get("normal") or next(iter(own.values()), None) for own in slots)
    return dict.fromkeys(uv_set_of(one.info) for one in ones if one)


def bonds(scene: Scene, numbers: Sequence[int]) -> Iterator[str]:
    """What else shows the materials would be changed with them."""
    if NOTHING in numbers and any(NOTHING in worn and len({*worn}) > 1 for worn in worn_by(scene).values()):
        yield "in a variant it has no material"
    for (mesh, at), worn in worn_by(scene).items():
        if scene.meshes[mesh].primitives[at].mode != TRIANGLES and {*worn} & {*numbers} - {NOTHING}:
            yield "lines or points show it"
    animations = json.dumps(scene.json.get("animations", []))
    for number in numbers if POINTER in animations else ():
        if re.search(rf'"/materials/{number}/[^"]*Texture', animations):
            yield "an animation moves its textures"


def _fixtures(material: Material) -> Iterator[str]:
    unknown = unknown_to(material)
    if unknown:
        yield f"{unknown} is not baked"
    if ANISOTROPY in material.json.get("extensions", {}):
        yield "its anisotropy turns with them"


def _power_of_two(texels: float) -> int:
    return 1 << (math.ceil(texels) - 1).bit_length() if texels else 0
