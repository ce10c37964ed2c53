"""Scene -> the same with what tiles cut at the borders of its tiles, so that all of them can share one in an atlas.

Unrolled, a map that tiles takes as many texels as its surface shows: the gadget's leather 6 times its 512², 479 kB of
normals. Cut, it takes the tile's own, at its own sharpness, for as many seams as there are borders.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import TRIANGLES, Mesh, Scene
from assetpipe.atlas.cutting import cut_mesh
from assetpipe.atlas.flat import applied
from assetpipe.atlas.lookups import REPEAT, Doubles, Lookup, Pictures, look_up
from assetpipe.slots import SLOTS
from assetpipe.worn import Worn, worn_by

MOST_TILES = 64
"""That a material may show: seams are what decimation must keep."""
LEAST_TILES = 1.0
"""Shown by its triangles: below, unrolling costs no more."""
NOT_AVERAGED = ("JOINTS_", "WEIGHTS_")


@dataclass(frozen=True, eq=False)
class Tiled:
    scene: Scene
    members: frozenset[Worn] = frozenset()
    """Those that were cut."""


def cut_tiles(scene: Scene, members: Collection[Worn], pictures: Pictures) -> Tiled:
    """Of the members those that show enough tiles, and not too many."""
    grids = {worn: grid for worn in sorted(members) if (grid := _grid(scene, worn, pictures)) is not None}
    chosen = {worn: grid for worn, grid in grids.items() if _is_worth_it(scene, worn, grid)}
    if not chosen:
        return Tiled(scene)
    tiles = _tiles_of(scene, chosen)
    meshes = tuple(cut_mesh(mesh, tiles[at]) if at in tiles else mesh for at, mesh in enumerate(scene.meshes))
    return Tiled(replace(scene, meshes=meshes), frozenset(chosen))


Grid = tuple[int, Doubles]
"""UV set and (2, 3) UVs -> tiles."""


def _grid(scene: Scene, worn: Worn, pictures: Pictures) -> Grid | None:
    """Where all maps lie alike and repeat both ways."""
    slots = [slot for at in sorted(set(worn)) for slot in scene.materials[at].textures]
    lookups = [look_up(scene, slot, pictures) for slot in slots if slot.name in SLOTS]
    known: list[Lookup] = [each for each in lookups if each is not None]
    if not known or len({(each.uv_set, each.turn, each.move, each.wrap) for each in known}) > 1:
        return None
    one = known[0]
    if one.wrap != (REPEAT, REPEAT):
        return None
    return one.uv_set, np.column_stack([np.reshape(one.turn, (2, 2)), one.move])


def _is_worth_it(scene: Scene, worn: Worn, grid: Grid) -> bool:
    shown, spread = 0.0, 0.0
    for number, own in _tiles_of(scene, {worn: grid}).items():
        mesh = scene.meshes[number]
        if not _may_be_cut(mesh):
            return False
        for at, tiles in own.items():
            a, b, c = (tiles[mesh.primitives[at].indices[k::3]] for k in range(3))
            u, v = b - a, c - a
            shown += float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum()) / 2
            spread = max(spread, float(np.ptp(np.concatenate([a, b, c]), axis=0).max(initial=0.0)))
    return bool(np.isfinite(shown)) and LEAST_TILES < shown <= MOST_TILES and 1 < spread <= MOST_TILES


def _tiles_of(scene: Scene, grids: Mapping[Worn, Grid]) -> dict[int, dict[int, Doubles]]:
    """Mesh -> primitive -> (v, 2) where its vertices lie."""
    found: dict[int, dict[int, Doubles]] = {}
    for (mesh, at), worn in worn_by(scene).items():
        each, grid = scene.meshes[mesh].primitives[at], grids.get(worn)
        if grid and each.mode == TRIANGLES and each.triangles and f"TEXCOORD_{grid[0]}" in each.attributes:
            tiles = applied(grid[1], each.attributes[f"TEXCOORD_{grid[0]}"].astype(np.float64))
            found.setdefault(mesh, {})[at] = tiles
    return found


def _may_be_cut(mesh: Mesh) -> bool:
    """What bends or morphs has no corners between those that it has."""
    return all(
        each.mode == TRIANGLES
        and not each.targets
        and not any(name.startswith(NOT_AVERAGED) for name in each.attributes)
        and all(values.dtype == np.float32 for values in each.attributes.values())
        for each in mesh.primitives
    )
