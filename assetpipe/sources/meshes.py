"""Source (OBJ with MTL, STL, PLY) -> Scene.

These formats know neither units nor axes: lengths are taken as metres and +Y as up, and a model that is larger or
smaller than any product gets a warning. Nothing is opened here by path: bytes come from `Source`, and so does every
file that the source names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Mesh, Node, Primitive, Scene
from assetpipe.config import Limits
from assetpipe.errors import LimitExceeded, MissingFile, SourceError
from assetpipe.sources.files import Source
from assetpipe.sources.mesh_images import Album, portable_name
from assetpipe.sources.mesh_materials import Materials, build_material, collect
from assetpipe.sources.mesh_mtl import Map, Mtl, parse_mtl
from assetpipe.sources.mesh_obj import read_obj
from assetpipe.sources.mesh_parts import MeshFile, Part
from assetpipe.sources.mesh_ply import MATERIAL, read_ply
from assetpipe.sources.mesh_stl import read_stl

READERS = {"obj": read_obj, "stl": read_stl, "ply": read_ply}
LARGEST_M, SMALLEST_M = 100.0, 0.001


def read_meshes(source: Source, limits: Limits) -> Scene:
    """One node and mesh per object or group, one primitive per material."""
    if not len(source.data):
        raise SourceError("E_EMPTY_FILE", f"{source.name}: 0 bytes", hint="export or upload it again")
    with np.errstate(all="ignore"):  # what garbage computes to is refused where it matters, not warned of
        file = READERS[source.format](source.data, source.name)
    _check_content(file, source.name)
    _check_limits(file, source.name, limits)
    names = list(dict.fromkeys(part.material for part in file.parts if part.material is not None))
    materials, library_notes, library_repairs = _read_materials(file, names, source, limits)
    return Scene(
        _nodes(file),
        tuple(_meshes(file, names)),
        materials.materials,
        materials.images,
        json={"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": _roots(file)}], **materials.json},
        repairs=(*file.repairs, *_origin_note(file), *library_repairs, *materials.repairs),
        warnings=(*file.warnings, *_size_note(file), *library_notes, *materials.warnings),
    )


def _check_content(file: MeshFile, name: str) -> None:
    if any(part.primitive.triangles for part in file.parts):
        return
    if any(len(part.primitive.indices) for part in file.parts):
        raise SourceError(
            "E_UNSUPPORTED_TOPOLOGY",
            f"{name}: holds points or lines only, no triangles",
            hint="make a surface of it first: a point cloud has none",
        )
    raise SourceError("E_EMPTY", f"{name}: no triangles to publish", hint="export the mesh itself, not only its points")


def _check_limits(file: MeshFile, name: str, limits: Limits) -> None:
    counts = {
        "triangles": sum(part.primitive.triangles for part in file.parts),
        "vertices": sum(len(part.primitive.positions) for part in file.parts),
        "nodes": len(_groups(file)),
        "materials": len({part.material for part in file.parts}),
    }
    for word, count in counts.items():
        limit = int(getattr(limits, word))
        if count > limit:
            hint = f"split the model, or raise limits.{word} in the config"
            raise LimitExceeded(f"E_LIMIT_{word.upper()}", f"{name}: {count:,} {word}, limit {limit:,}", hint=hint)


def _groups(file: MeshFile) -> dict[str, list[Part]]:
    """Parts by name, in file order."""
    groups: dict[str, list[Part]] = {}
    for part in file.parts:
        groups.setdefault(part.name, []).append(part)
    return groups


def _meshes(file: MeshFile, names: list[str]) -> Iterable[Mesh]:
    numbers = {name: number for number, name in enumerate(names)}
    for name, parts in _groups(file).items():
        primitives = tuple(_with_material(part, numbers) for part in parts)
        yield Mesh(primitives, {"name": name} if name else {})


def _with_material(part: Part, numbers: dict[str, int]) -> Primitive:
    json: Json = {} if part.material is None else {"material": numbers[part.material]}
    return replace(part.primitive, json=json)


def _nodes(file: MeshFile) -> tuple[Node, ...]:
    """Under one node that moves them all back to where they were, where the file lies far from the origin."""
    leaves = [Node({"mesh": n, **({"name": name} if name else {})}) for n, name in enumerate(_groups(file))]
    if not any(file.origin):
        return tuple(leaves)
    return (*leaves, Node({"children": list(range(len(leaves))), "translation": list(file.origin)}))


def _roots(file: MeshFile) -> list[int]:
    count = len(_groups(file))
    return [count] if any(file.origin) else list(range(count))


def _read_materials(
    file: MeshFile, names: list[str], source: Source, limits: Limits
) -> tuple[Materials, tuple[str, ...], tuple[str, ...]]:
    album = Album(source, limits)
    if file.texture:
        textured = Mtl(MATERIAL, {"pr": (1.0,)}, {"base": Map(file.texture)})
        return collect([build_material(textured, album)]), (), ()
    known, warnings, repairs = _read_libraries(file, source)
    unknown = [name for name in names if name not in known]
    if unknown and known:
        warnings += [f"no MTL file defines the material {name!r}: plain white is used" for name in unknown[:10]]
    return (
        collect([build_material(known.get(name, Mtl(name)), album) for name in names]),
        tuple(warnings),
        tuple(repairs),
    )


def _read_libraries(file: MeshFile, source: Source) -> tuple[dict[str, Mtl], list[str], list[str]]:
    """`mtllib a.mtl b.mtl` may be two files, or one whose name has a blank."""
    known: dict[str, Mtl] = {}
    warnings: list[str] = []
    repairs: list[str] = []
    for line in file.libraries:
        found = _open_library(source, line, repairs)
        if found is None and len(line.split()) > 1:
            texts = [_open_library(source, word, repairs) for word in line.split()]
            found = "\n".join(text for text in texts if text is not None) or None
        if found is None:
            warnings.append(f"the material library {line!r} is missing: plain white is used")
            continue
        known = {**parse_mtl(found), **known}
    return known, warnings, repairs


def _open_library(source: Source, uri: str, repairs: list[str]) -> str | None:
    name, repair = portable_name(uri)
    if not name.strip():
        return None
    try:
        text = bytes(source.resolve_name(name, "mtllib")).decode("utf-8", "replace")
    except MissingFile:
        return None
    repairs += [repair] if repair else []
    return text


def _origin_note(file: MeshFile) -> tuple[str, ...]:
    if not any(file.origin):
        return ()
    where = ", ".join(f"{value:,.0f}" for value in file.origin)
    return (f"W_EXTENT the model lies at ({where}) m: it was moved to the origin and a node moves it back",)


def _size_note(file: MeshFile) -> tuple[str, ...]:
    lows = np.array([part.primitive.positions.min(axis=0) for part in file.parts if len(part.primitive.positions)])
    highs = np.array([part.primitive.positions.max(axis=0) for part in file.parts if len(part.primitive.positions)])
    size = float((highs.max(axis=0) - lows.min(axis=0)).max())
    if size > LARGEST_M:
        return (f"the model is {size:,.0f} m across, which looks like millimetres; lengths are taken as metres",)
    if size < SMALLEST_M:
        return (f"the model is {size:.2g} m across; lengths are taken as metres",)
    return ()
