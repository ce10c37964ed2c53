"""Scene -> the scene without triangles that no ray from outside reaches: screws in a cushion, the back of a drawer.

Outside is everywhere beyond the sphere about what is drawn, and light goes straight: what can be seen through an
opening from there, however obliquely, stays; what only a camera between the parts would see goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from assetpipe.asset import Mesh, Scene
from assetpipe.geometry.seen import look
from assetpipe.geometry.sights import MOST, Bools, all_sights, drawn_still, fixed_meshes
from assetpipe.geometry.welding import select_triangles
from assetpipe.queries.visibility import THREADS
from assetpipe.transforms import drawn_triangles

REMOVED = '{n:,} triangles that nobody can see from outside removed (hidden = "remove")'
ALL_HIDDEN = "every triangle seems hidden from outside, as if the surface were inside out: none removed"
TOO_MANY = f"hidden geometry not looked for: {{n:,}} triangles drawn are more than {MOST:,}"


@dataclass(frozen=True, eq=False)
class Hidden:
    """A scene that lost what was hidden in it."""

    scene: Scene
    triangles: int = 0
    """How many fewer are drawn."""


def remove_hidden(scene: Scene, *, threads: int = THREADS) -> Hidden:
    """The count is told in the scene's `repairs`. Kept in any case: what moves or may move (animations, skins, morph
    targets), what is switched off, points and lines."""
    drawn = drawn_still(scene)
    if drawn > MOST:
        return Hidden(_warned(scene, TOO_MANY.format(n=drawn)))
    return drop_unseen(scene, find_seen(scene, threads=threads))


def find_seen(scene: Scene, *, threads: int = THREADS) -> dict[tuple[int, int], Bools]:
    """(mesh, primitive) -> (triangles,) whether it is seen in any place, for all that may be removed."""
    seen: dict[tuple[int, int], Bools] = {}
    fixed = fixed_meshes(scene)
    for sights in all_sights(scene):
        kept = look(sights, threads=threads)
        for run in sights.runs:
            if run.mesh in fixed:
                key, found = (run.mesh, run.primitive), kept[run.start : run.stop]
                seen[key] = seen[key] | found if key in seen else found
    return seen


def drop_unseen(scene: Scene, seen: dict[tuple[int, int], Bools]) -> Hidden:
    """`seen` as `find_seen` gives it."""
    if all(kept.all() for kept in seen.values()):
        return Hidden(scene)
    meshes = tuple(_drop(mesh, at, seen) for at, mesh in enumerate(scene.meshes))
    left = replace(scene, meshes=meshes)
    removed = drawn_triangles(scene) - drawn_triangles(left)
    if not any(mesh.primitives for mesh in meshes):
        return Hidden(_warned(scene, ALL_HIDDEN))
    return Hidden(replace(left, repairs=(*scene.repairs, REMOVED.format(n=removed))), removed)


def _drop(mesh: Mesh, at: int, seen: dict[tuple[int, int], Bools]) -> Mesh:
    kept = [
        select_triangles(primitive, seen[at, number]) if (at, number) in seen else primitive
        for number, primitive in enumerate(mesh.primitives)
    ]
    if all(new is old for new, old in zip(kept, mesh.primitives, strict=True)):
        return mesh
    return replace(mesh, primitives=tuple(primitive for primitive in kept if len(primitive.indices)))


def _warned(scene: Scene, sentence: str) -> Scene:
    return replace(scene, warnings=(*scene.warnings, sentence))
