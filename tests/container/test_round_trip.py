"""Written without compression and read again, a scene is the same, array by array and property by property.

Runs over scenes made here, over the samples that have been generated, and over every .glb and .gltf in the folders that
ASSETPIPE_MODELS lists.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import LINES, POINTS, Array, Json, Node, Primitive, Scene
from assetpipe.config import load_config
from assetpipe.container import encode_geometry, prune, write_glb
from assetpipe.errors import AssetpipeError
from assetpipe.quality import validate_glb
from assetpipe.sources import open_source, read_scene
from tests.container.scenes import picture, rich, settings, skinned, textured, with_ids
from tests.shapes import box, scene, sphere, torus

# What the reader lets through and glTF does not allow: empty morph targets, attributes of 32 bit integers.
MENDED = re.compile(r"targets: \[\] became|: uint32 .* became")
ROOT = Path(__file__).parents[2]


def corpus() -> list[Path]:
    folders = [
        ROOT / "sample_models",
        *map(Path, filter(None, os.environ.get("ASSETPIPE_MODELS", "").split(os.pathsep))),
    ]
    return sorted(path for folder in folders for path in folder.rglob("*.gl*") if path.suffix in (".glb", ".gltf"))


def morphed() -> Scene:
    base = torus(16)
    moved = {"POSITION": base.positions * np.float32(0.1), "NORMAL": base.positions * np.float32(-0.1)}
    still = {"POSITION": np.zeros_like(base.positions), "NORMAL": np.zeros_like(base.positions)}
    few = {name: np.where(np.arange(len(values))[:, None] < 20, values, 0) for name, values in moved.items()}
    asset = scene(replace(base, targets=(moved, still, few)))
    weights = {"weights": [0.5, 0.0, 0.0], "extras": {"targetNames": ["grow", "rest", "nod"]}}
    return replace(asset, meshes=(replace(asset.meshes[0], json=weights),))


def lines_and_points() -> Scene:
    base = torus(16)
    order = np.arange(len(base.positions), dtype=np.uint32)
    return scene(
        replace(base, mode=POINTS, indices=order), replace(base, mode=LINES, indices=order[:99:-1][:50].copy()), base
    )


def instanced() -> Scene:
    random = np.random.default_rng(6)
    attributes = {"TRANSLATION": 0, "SCALE": 1}
    node = Node({"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}}})
    arrays = (random.random((9, 3)).astype(np.float32), random.random((9, 3)).astype(np.float32))
    return replace(
        scene(torus(12)),
        nodes=(node,),
        arrays=arrays,
        json={**scene(box()).json, "extensionsUsed": ["EXT_mesh_gpu_instancing"]},
    )


def colourful() -> Scene:
    count, random = len(box().positions), np.random.default_rng(7)
    exact = (random.integers(0, 256, (count, 4)) / 255).astype(np.float32)
    inexact = random.random((count, 3)).astype(np.float32)
    custom = {
        "_BYTE": random.integers(-9, 9, (count, 3)).astype(np.int8),
        "_HEAT": random.random((count, 1)).astype(np.float32),
    }
    return scene(
        with_ids(box(), COLOR_0=exact, COLOR_1=exact[:, :3].copy(), **custom), with_ids(box(), COLOR_0=inexact)
    )


MADE = {
    "attributes": lambda: skinned(rich()),
    "morph targets": morphed,
    "lines and points": lines_and_points,
    "instances": instanced,
    "colours": colourful,
    "pictures": lambda: textured(picture("red"), picture("blue", "image/webp"), picture("green", "image/jpeg")),
    "shapes": lambda: scene(sphere(24), torus(24), box(), extras={"note": "häuser ☃"}),
}


def read(path: Path) -> Scene:
    config = load_config()
    with open_source(path, config.limits) as source:
        return read_scene(source, config.limits)


def reread(asset: Scene, path: Path, geometry: str = "none") -> Scene:
    path.write_bytes(write_glb(asset, encode_geometry(asset, settings(geometry))))
    return read(path)


@pytest.mark.parametrize("origin", [*MADE, *corpus()], ids=lambda origin: getattr(origin, "name", origin))
def test_a_scene_survives_the_file(origin: str | Path, tmp_path: Path) -> None:
    """Every kind of data that a scene can hold, and whatever the reader accepts."""
    try:
        asset = read(origin) if isinstance(origin, Path) else MADE[origin]()
    except AssetpipeError:
        return
    found = differences(asset, reread(asset, tmp_path / "copy.glb"))
    assert [text for text in found if not MENDED.search(text)] == []


@pytest.mark.parametrize("geometry", ["draco", "meshopt"])
@pytest.mark.parametrize("name", MADE)
def test_our_reader_understands_what_is_compressed(name: str, geometry: str, tmp_path: Path) -> None:
    """Nothing to repair, the same triangles, the same box, the document untouched."""
    asset = MADE[name]()
    copy = reread(asset, tmp_path / "copy.glb", geometry)
    assert copy.repairs == ()
    assert copy.triangles == asset.triangles
    assert list(documents(asset, copy)) == []
    for (_, before), (_, after) in zip(primitives(asset), primitives(copy), strict=True):
        assert set(after.attributes) == set(before.attributes)
        assert after.positions.min() == pytest.approx(before.positions.min(), abs=1e-3)
        assert after.positions.max() == pytest.approx(before.positions.max(), abs=1e-3)


@pytest.mark.node
@pytest.mark.parametrize("geometry", ["none", "draco", "meshopt"])
@pytest.mark.parametrize("name", MADE)
def test_khronos_validator_finds_no_fault(name: str, geometry: str, tmp_path: Path) -> None:
    """Neither in the file nor in its decoded form, which is where the validator can look."""
    asset = prune(MADE[name]())
    data = write_glb(asset, encode_geometry(asset, settings(geometry)))
    path = tmp_path / "written.glb"
    path.write_bytes(data)
    decoded = prune(read(path))
    plain = write_glb(decoded, encode_geometry(decoded, settings("none")))
    for file in (data, plain):
        found = [
            str(message)
            for message in validate_glb(file, "written.glb").messages
            if message.severity in ("error", "warning")
        ]
        assert [text for text in found if "UNUSED_MESH_TANGENT" not in text] == []


def primitives(asset: Scene) -> Iterator[tuple[str, Primitive]]:
    for at, mesh in enumerate(asset.meshes):
        for own, primitive in enumerate(mesh.primitives):
            yield f"/meshes/{at}/primitives/{own}", primitive


def differences(before: Scene, after: Scene) -> Iterator[str]:
    yield from documents(before, after)
    for (place, one), (_, other) in zip(primitives(before), primitives(after), strict=True):
        yield from arrays(
            {"indices": one.indices, **one.attributes}, {"indices": other.indices, **other.attributes}, place
        )
        for target, own in zip(one.targets, other.targets, strict=True):
            yield from arrays(target, own, f"{place}/targets")
        if one.mode != other.mode:
            yield f"{place}: mode {one.mode} became {other.mode}"


def documents(before: Scene, after: Scene) -> Iterator[str]:
    yield from jsons(comparable(before), comparable(after), "")
    yield from arrays(dict(enumerate(before.arrays)), dict(enumerate(after.arrays)), "/arrays")
    if [bytes(image.data) for image in before.images] != [bytes(image.data) for image in after.images]:
        yield "/images: other bytes"


def comparable(asset: Scene) -> Json:
    """All JSON but what every writer must change: the generator, and extensions that nothing uses."""
    document = {key: value for key, value in asset.json.items() if not key.startswith("extensions")}
    text = json.dumps([document, asset.json.get("extensions"), [own.json for own in (*asset.nodes, *asset.materials)]])
    used = [name for name in asset.json.get("extensionsUsed", ()) if f'"{name}"' in text]
    return {
        **document,
        "asset": {key: value for key, value in asset.json["asset"].items() if key != "generator"},
        "extensions": asset.json.get("extensions", {}),
        "extensionsUsed": used,
        "nodes": [node.json for node in asset.nodes],
        "materials": [material.json for material in asset.materials],
        "meshes": [[mesh.json, [own.json for own in mesh.primitives]] for mesh in asset.meshes],
        "images": [[image.json, image.mime] for image in asset.images],
    }


def jsons(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            if key not in before or key not in after:
                yield f"{place}/{key} only {'before' if key in before else 'after'}"
            else:
                yield from jsons(before[key], after[key], f"{place}/{key}")
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from jsons(one, other, f"{place}/{at}")
    elif before != after:
        yield f"{place}: {before!r:.60} became {after!r:.60}"


def is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def arrays(before: Mapping[Any, Array], after: Mapping[Any, Array], place: str) -> Iterator[str]:
    if list(before) != list(after):
        yield f"{place}: {list(before)} became {list(after)}"
        return
    for name, values in before.items():
        if values.dtype != after[name].dtype or not np.array_equal(values, after[name]):
            yield f"{place}/{name}: {values.dtype} {values.shape} became {after[name].dtype} {after[name].shape}"
