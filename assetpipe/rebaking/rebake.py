"""Source, its levels -> the levels with what they lost baked into their textures.

Two reasons. Where textures' seams were let go, UVs lead nowhere: the triangles are unwrapped anew and all maps baked.
Where decimation took folds and stitches, the level's normals are off: the source's are baked into its normal map, in
the UVs that it has, or in new ones where it has none; where what has UVs tiles or is mirrored, in a second set of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from assetpipe.asset import Array, Primitive, Scene
from assetpipe.baking import BakeRequest, Staged, Surface, bake
from assetpipe.baking.materials import BASE_COLOUR, NORMAL
from assetpipe.geometry import Decimated, drop_morphs
from assetpipe.geometry.morphs import has_morphs
from assetpipe.geometry.unwrap import Unwrapping, unwrap
from assetpipe.lossless import lossless
from assetpipe.queries.device import Device
from assetpipe.rebaking.dressing import SAMPLER, shown, with_material, with_own_materials, with_primitives, with_set
from assetpipe.rebaking.gutters import area, gutter
from assetpipe.rebaking.maps import dress, with_maps, with_pictures
from assetpipe.rebaking.plan import Plan, Wish, make_plan, reach_of, sentences
from assetpipe.rebaking.stage import Stage, stage_maps, stage_shape
from assetpipe.rebaking.surfaces import keys_of, mesh_scales, primitives_of, surface_of, with_new_tangents
from assetpipe.rebaking.tiles import brought_home
from assetpipe.textures import TextureCache
from assetpipe.worn import NOTHING


@dataclass(frozen=True)
class Asked:
    """Of all levels."""

    always: bool
    """Whether levels are baked that look right without."""
    degrees: float
    """That normals may be off, on average, before that is worth a normal map."""
    px: Sequence[int]
    """Sides of the levels' pictures, in their order."""
    device: Device
    pixels: Sequence[float] = ()
    """Metres that a pixel of each level's screen spans; none: finer than any texel."""

    def pixel(self, level: int) -> float:
        return self.pixels[level] if self.pixels else 0.0


def rebake(source: Scene, levels: Sequence[Decimated], asked: Asked, cache: TextureCache) -> list[Decimated]:
    """`levels` as `decimate` made them from `source`; those that lack nothing come back as they are."""
    made = list(levels)
    said: dict[int, list[tuple[str, Plan]]] = {at: [] for at in range(len(made))}
    changed = [at for at, level in enumerate(levels) if level.deviation.max or asked.always]
    for stood, own in _as_levels_stand(source, levels, changed):
        for worn in shown(stood):
            stage = stage_shape(stood, worn, asked.device)
            wishes = {at: Wish(asked.always, asked.degrees, asked.px[at]) for at in own}
            plans = {at: make_plan(made[at], stage, wish) for at, wish in wishes.items()}
            baking = _staged(stood, stage, plans.values(), cache)
            for at, plan in plans.items():
                made[at] = _rebaked(made[at], baking, plan, asked.px[at], asked.pixel(at))
                said[at].append((stage.name, plan))
    return [_noted(level, sentences(said[at])) for at, level in enumerate(made)]


def _as_levels_stand(
    source: Scene, levels: Sequence[Decimated], changed: Sequence[int]
) -> Iterator[tuple[Scene, list[int]]]:
    """The source, with the levels that it is compared with: those whose morph targets were dropped stand as default
    weights leave them."""
    still = [at for at in changed if has_morphs(source) and not has_morphs(levels[at].scene)]
    moving = [at for at in changed if at not in still]
    if moving:
        yield source, moving
    if still:
        yield drop_morphs(source), still


def _staged(source: Scene, stage: Stage, plans: Iterable[Plan], cache: TextureCache) -> Baking:
    maps = sorted(frozenset().union(*(plan.maps for plan in plans)))
    all_get = {name: name == NORMAL or (name == BASE_COLOUR and stage.coloured) for name in maps}
    dresses = dress(source, stage.materials, all_get, cache)
    return Baking(stage, stage_maps(stage, dresses.layers) if maps else (), dresses.names)


def _noted(level: Decimated, notes: tuple[str, ...]) -> Decimated:
    return replace(level, notes=(*level.notes, *notes)) if notes else level


@dataclass(frozen=True, eq=False)
class Baking:
    """What a stage's levels are baked from."""

    stage: Stage
    staged: tuple[Staged, ...]
    """Each with maps of its own."""
    names: tuple[Mapping[str, str], ...]
    """By material of the stage: map -> that of the staged layers."""


def _rebaked(level: Decimated, baking: Baking, plan: Plan, px: int, pixel: float) -> Decimated:
    stage, notes = baking.stage, level.notes
    if not plan.maps:
        return level
    scene, numbers = with_own_materials(level.scene, stage.worn)
    side = min(px, stage.new_px if plan.unwrapped else stage.own_px)
    shown_area = area(surface_of(primitives_of(scene, keys_of(scene, numbers)), mesh_scales(scene)))
    apart = gutter(shown_area, side, pixel)
    if plan.unwrapped:
        among: frozenset[int | None] = frozenset({None if numbers[0] == NOTHING else numbers[0]})
        found = unwrap(scene, Unwrapping(side, apart, replaces=True, materials=among))
        scene, notes = with_set(scene, found, plan.uv_set), (*notes, *found.notes)
    own = primitives_of(scene, keys_of(scene, numbers))
    primitives = with_new_tangents(brought_home(own, plan.uv_set) if plan.home else own, plan.uv_set)
    names = [{name: own[name] for name in own if name in plan.maps} for own in baking.names]
    maps = tuple(sorted({made for own in names for made in own.values()}))
    request = BakeRequest(side, reach_of(level, stage), maps=maps, uv_set=plan.uv_set, gutter=max(8, apart // 2))
    baked = _baked(baking, surface_of(primitives, mesh_scales(scene)), request)
    pictures = {name: lossless(texels, f"baked {name}") for name, texels in sorted(baked.items())}
    scene, textures = with_pictures(scene, pictures, SAMPLER)
    bare = {key: _bare(each) if BASE_COLOUR in plan.maps else each for key, each in primitives.items()}
    scene = with_primitives(scene, bare)
    for number, named in zip(dict.fromkeys(numbers), names, strict=True):
        maps_made = {name: textures[made] for name, made in named.items()}
        scene = with_material(scene, number, partial(with_maps, maps=maps_made, uv_set=plan.uv_set))
    return replace(level, scene=scene, notes=notes)


def _baked(baking: Baking, level: Surface, request: BakeRequest) -> dict[str, Array]:
    asked = [each for each in baking.staged if {own.layer.map for own in each.layers} & {*request.maps}]
    return {name: texels for each in asked for name, texels in bake(each, level, request).maps.items()}


def _bare(primitive: Primitive) -> Primitive:
    """Without what the new base colour holds."""
    kept = {name: values for name, values in primitive.attributes.items() if name != "COLOR_0"}
    targets = tuple({name: each[name] for name in each if name != "COLOR_0"} for each in primitive.targets)
    return replace(primitive, attributes=kept, targets=targets)
