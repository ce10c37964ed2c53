"""Stage, level -> Plan: which maps the level's material gets, in which UVs, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Primitive
from assetpipe.baking.materials import NORMAL
from assetpipe.geometry import Decimated
from assetpipe.queries.uv_raster import cover_square
from assetpipe.rebaking.loss import normals_off
from assetpipe.rebaking.stage import COAT_BUMPS, Stage
from assetpipe.rebaking.surfaces import keys_of, mesh_scales, primitives_of, surface_of
from assetpipe.rebaking.tiles import brought_home
from assetpipe.tangents import STRAIGHT
from assetpipe.worn import Key

REACH = 2.0
"""Times a level's largest deviation, within which its source is looked for."""
OVERLAP = 0.002
"""Of the covered texels may belong to two places: the slivers along charts' edges."""
LOOK_PX = 1024
"""Of the square on which overlaps are looked for."""
EDGE = 1e-4
BLUR = 4
"""Times coarser than it is a normal map may become where it gets new UVs: at a level's size most of that is not seen.
SSIM of `preview`, unbaked and baked: the shoe's tread and eyelets (4 times) 0.944, 0.950; the sofa's cloth (8 to 64
times) 0.963, 0.958."""
AGAIN = 0.3
"""Of the degrees that are worth a normal map, where there is one already, in UVs that stay: painted anew it is as large
as before, and what it costs are tangents. TennisRacquet's `standard`, 1.2 degrees off on average because its handle
lacks a chamfer of a pixel: SSIM from the front 0.961 and 0.985 (maps without loss), 15 kB more of 640."""
AGAIN_PX = 2048
"""Largest side of such a map: at 4096² the scan's `high`, 2.2 degrees off, took 25 s of CPU."""
NOTHING = frozenset[str]()
OFF = "{off}"


@dataclass(frozen=True)
class Plan:
    maps: frozenset[str] = NOTHING
    unwrapped: bool = False
    uv_set: int = 0
    home: bool = False
    """Whether charts are moved by whole tiles into the first."""
    why: str = ""
    """What is to be said of the material, "" where there is nothing; `OFF` stands for how far normals are off."""
    off: float = 0.0
    """Degrees."""


@dataclass(frozen=True)
class Wish:
    """Of one level, see `Asked`."""

    always: bool
    degrees: float
    px: int


def make_plan(level: Decimated, stage: Stage, wish: Wish) -> Plan:
    keys = keys_of(level.scene, stage.worn)
    torn = bool(level.torn and stage.maps)
    primitives = primitives_of(level.scene, keys)
    if not keys or not (torn or wish.always or _is_changed(primitives, stage)):
        return Plan()
    if torn:
        return _new_textures(stage)
    surface = surface_of(primitives, mesh_scales(level.scene))
    off = normals_off(stage.shape, surface, reach_of(level, stage))
    again = 0 < min(stage.normal_px, wish.px) <= AGAIN_PX
    stays = Plan(why=f"normals, {OFF} degrees off, not baked: fewer than bake_degrees", off=off)
    if off < wish.degrees * (AGAIN if again else 1.0) and not wish.always:
        return stays
    plan = replace(_new_normals(stage, primitives, wish), off=off)
    painted_anew = plan.maps and not plan.unwrapped
    return plan if off >= wish.degrees or wish.always or painted_anew else stays


def sentences(plans: Sequence[tuple[str, Plan]]) -> tuple[str, ...]:
    """Materials' names and plans -> one sentence for all of which the same is to be said."""
    alike: dict[str, list[tuple[str, Plan]]] = {}
    for name, plan in plans:
        if plan.why:
            alike.setdefault(plan.why, []).append((name, plan))
    return tuple(_sentence(why, of) for why, of in alike.items())


def _sentence(why: str, of: Sequence[tuple[str, Plan]]) -> str:
    ends = dict.fromkeys(f"{off:.1f}" for off in (min(plan.off for _, plan in of), max(plan.off for _, plan in of)))
    return f"{', '.join(name for name, _ in of)}: {why.replace(OFF, ' to '.join(ends))}"


def reach_of(level: Decimated, stage: Stage) -> float:
    """Metres."""
    return REACH * level.deviation.max * stage.stretch


def _is_changed(primitives: Mapping[Key, Primitive], stage: Stage) -> bool:
    before, after = (sum(each.triangles for each in of.values()) for of in (stage.primitives, primitives))
    return before != after


def _new_textures(stage: Stage) -> Plan:
    """UVs lead nowhere."""
    why_not = stage.bound or stage.fixed
    if why_not:
        return Plan(why=f"textures are out of place, and were not baked anew because {why_not}")
    return Plan(stage.maps | {NORMAL}, unwrapped=True, why="unwrapped anew and baked from the source")


def _new_normals(stage: Stage, primitives: Mapping[Key, Primitive], wish: Wish) -> Plan:
    lost = f"normals, {OFF} degrees off,"

    def unbaked(reason: str) -> Plan:
        return Plan(why=f"{lost} not baked because {reason}")

    if stage.bound:
        return unbaked(stage.bound)
    fine = stage.normal_px > BLUR * wish.px
    if len(stage.uv_sets) > 1 and fine and not wish.always:
        return unbaked("its variants' normal maps lie in different UVs, and in one set what tiles would blur")
    sets = [at for at in stage.uv_sets if all(f"TEXCOORD_{at}" in each.attributes for each in primitives.values())]
    kept = next((plan for at in sets if (plan := _in_set(stage, primitives, at, lost))), None)
    if kept:
        return kept
    if stage.fixed:
        return unbaked(f"UVs overlap and {stage.fixed}")
    if sets and any(each.textures for each in stage.materials) and not wish.always:
        if fine:
            return unbaked("UVs overlap, and in others a normal map that tiles would blur")
        if COAT_BUMPS in stage.maps:
            return unbaked("UVs overlap, and the bumps of its coat follow their tangents")
        return _beside(primitives, lost) or unbaked("UVs overlap")
    return Plan(stage.maps | {NORMAL}, unwrapped=True, why=f"unwrapped; {lost} baked from the source")


def _in_set(stage: Stage, primitives: Mapping[Key, Primitive], at: int, lost: str) -> Plan | None:
    """In the UVs that it has. The level gets tangents along them, so bumps of a coat that lie otherwise come along."""
    why = f"{lost} baked from the source"
    maps = frozenset({NORMAL} if stage.coats <= {(at, STRAIGHT)} else {NORMAL, COAT_BUMPS})
    if is_unique(primitives, at):
        return Plan(maps, uv_set=at, why=why)
    if stage.repeats and is_unique(brought_home(primitives, at), at):
        return Plan(maps, uv_set=at, home=True, why=why)
    return None


def _beside(primitives: Mapping[Key, Primitive], lost: str) -> Plan | None:
    """UVs of its own for the normal map alone: what tiles goes on tiling."""
    sets = {
        tuple(sorted(name for name in each.attributes if name.startswith("TEXCOORD_"))) for each in primitives.values()
    }
    (names, *others) = sets
    if others or names != tuple(f"TEXCOORD_{at}" for at in range(len(names))):
        return None
    why = f"{lost} baked from the source into UVs of their own"
    return Plan(frozenset({NORMAL}), unwrapped=True, uv_set=len(names), why=why)


def is_unique(primitives: Mapping[Key, Primitive], uv_set: int) -> bool:
    """Whether every triangle has texels of its own, within the picture."""
    corners = np.concatenate([each.attributes[f"TEXCOORD_{uv_set}"][each.indices] for each in primitives.values()])
    if not np.isfinite(corners).all() or corners.min() < -EDGE or corners.max() > 1 + EDGE:
        return False
    return cover_square(corners.reshape(-1, 3, 2).astype(np.float64) * LOOK_PX, LOOK_PX).overlap <= OVERLAP
