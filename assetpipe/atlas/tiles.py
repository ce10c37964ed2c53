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
from assetpipe.atlas.slots import SLOTS

MOST_TILES = 64
"""That a material may show: seams are what decimation must keep."""
LEAST_TILES = 1.0
"""Shown by its triangles: below, unrolling costs no more."""
NOT_AVERAGED = ("JOINTS_", "WEIGHTS_")


@dataclass(frozen=True, eq=False)
class Tiled:
    scene: Scene
    materials: frozenset[int] = frozenset()
    """Those that were cut."""


def cut_tiles(scene: Scene, materials: Collection[int], pictures: Pictures) -> Tiled:
    """Of the materials those that show enough tiles, and not too many."""
    grids = {at: grid for at in sorted(materials) if (grid := _grid(scene, at, pictures)) is not None}
    chosen = {at: grid for at, grid in grids.items() if _is_worth_it(scene, at, grid)}
    if not chosen:
        return Tiled(scene)
    meshes = tuple(_cut(mesh, chosen) for mesh in scene.meshes)
    return Tiled(replace(scene, meshes=meshes), frozenset(chosen))


Grid = tuple[int, Doubles]
"""UV set and (2, 3) UVs -> tiles."""


def _grid(scene: Scene, material: int, pictures: Pictures) -> Grid | None:
    """Where all maps lie alike and repeat both ways."""
    slots = scene.materials[material].textures
    lookups = [look_up(scene, slot, pictures) for slot in slots if slot.name in SLOTS]
    known: list[Lookup] = [each for each in lookups if each is not None]
    if not known or len({(each.uv_set, each.turn, each.move, each.wrap) for each in known}) > 1:
        return None
    one = known[0]
    if one.wrap != (REPEAT, REPEAT):
        return None
    return one.uv_set, np.column_stack([np.reshape(one.turn, (2, 2)), one.move])


def _is_worth_it(scene: Scene, material: int, grid: Grid) -> bool:
    shown, spread = 0.0, 0.0
    for mesh in scene.meshes:
        own = _tiles_of(mesh, {material: grid})
        if own and not _may_be_cut(mesh):
            return False
        for at, tiles in own.items():
            a, b, c = (tiles[mesh.primitives[at].indices[k::3]] for k in range(3))
            u, v = b - a, c - a
            shown += float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum()) / 2
            spread = max(spread, float(np.ptp(np.concatenate([a, b, c]), axis=0).max(initial=0.0)))
    return bool(np.isfinite(shown)) and LEAST_TILES < shown <= MOST_TILES and 1 < spread <= MOST_TILES


def _tiles_of(mesh: Mesh, grids: Mapping[int, Grid]) -> dict[int, Doubles]:
    """Primitive -> (v, 2) where its vertices lie."""
    found = {}
    for at, each in enumerate(mesh.primitives):
        grid = grids.get(-1 if each.material is None else each.material)
        if grid and each.mode == TRIANGLES and each.triangles and f"TEXCOORD_{grid[0]}" in each.attributes:
            found[at] = applied(grid[1], each.attributes[f"TEXCOORD_{grid[0]}"].astype(np.float64))
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


def _cut(mesh: Mesh, grids: Mapping[int, Grid]) -> Mesh:
    tiles = _tiles_of(mesh, grids)
    return cut_mesh(mesh, tiles) if tiles else mesh
