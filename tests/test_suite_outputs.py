"""Whatever the reader accepts of Khronos' own suite of broken files, what we write of it is valid.

Most of its files hold one fault and no mesh. A square is put into each, so that it has something to publish and its
fault gets through every stage.
"""

from __future__ import annotations

import base64
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Json, Scene
from assetpipe.config import load_config
from assetpipe.container import encode_geometry, prune, write_glb
from assetpipe.errors import AssetpipeError
from assetpipe.geometry import prepare
from assetpipe.quality.validator import validate_glbs
from assetpipe.sources import open_source, read_scene

SUITE = Path(__file__).parents[2] / "shared" / "suites" / "gltf-validator"
FILES = sorted(path for path in SUITE.rglob("*.gl*") if path.suffix in (".glb", ".gltf"))
CONFIG = load_config()
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
PARTS = {
    "POSITION": (CORNERS, 5126, "VEC3"),
    "NORMAL": (np.tile(np.array([0, 0, 1], np.float32), (4, 1)), 5126, "VEC3"),
    "TEXCOORD_0": (CORNERS[:, :2].copy(), 5126, "VEC2"),
    "indices": (np.array([0, 1, 2, 2, 1, 3], np.uint16), 5123, "SCALAR"),
}

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not SUITE.is_dir(), reason="the suites of others are not beside this checkout"),
]


def document_of(path: Path) -> Json | None:
    """None for what cannot be parsed or has no lists where a square would have to go."""
    raw = path.read_bytes()
    try:
        text = raw[20 : 20 + struct.unpack_from("<I", raw, 12)[0]] if path.suffix == ".glb" else raw
        found = json.loads(text.decode("utf-8-sig"))
    except (ValueError, struct.error):
        return None
    keys = ("buffers", "bufferViews", "accessors", "meshes", "nodes")
    sound = isinstance(found, dict) and all(isinstance(found.get(key, []), list) for key in keys)
    return found if sound else None


def with_square(document: Json) -> Json:
    """On a node of its own, once in every material."""

    def add(key: str, value: Json) -> int:
        document.setdefault(key, []).append(value)
        return len(document[key]) - 1

    places = {}
    for name, (values, kind, shape) in PARTS.items():
        data = "data:application/octet-stream;base64," + base64.b64encode(values.tobytes()).decode()
        buffer = add("buffers", {"byteLength": values.nbytes, "uri": data})
        view = add("bufferViews", {"buffer": buffer, "byteLength": values.nbytes})
        places[name] = add(
            "accessors", {"bufferView": view, "componentType": kind, "count": len(values), "type": shape}
        )
    indices = places.pop("indices")
    square = {"attributes": places, "indices": indices}
    painted = [{**square, "material": number} for number in range(len(document.get("materials", ())))]
    node = add("nodes", {"mesh": add("meshes", {"primitives": painted or [square]})})
    if document.get("scenes"):
        document["scenes"][0]["nodes"] = [*document["scenes"][0].get("nodes", ()), node]
    return document


def written(scene: Scene, geometry: str) -> bytes:
    return write_glb(scene, encode_geometry(scene, CONFIG.compression.model_copy(update={"geometry": geometry})))


def outputs(path: Path) -> dict[str, bytes]:
    """As read, prepared, and compressed; fewer when the file is refused on the way."""
    made: dict[str, bytes] = {}
    try:
        with open_source(path, CONFIG.limits) as source:
            scene = read_scene(source, CONFIG.limits)
            made["read"] = written(prune(scene), "none")
            ready = prune(prepare(scene, CONFIG.geometry))
            made["prepared"] = written(ready, "none")
            made["draco"] = written(ready, "draco")
    except AssetpipeError:
        pass
    return made


def test_whatever_is_accepted_is_valid_when_written(tmp_path: Path) -> None:
    """372 files as they are and with a square in each: a refusal, or no error in any form of the output."""
    assert len(FILES) == 372
    shutil.copytree(SUITE, tmp_path / "suite")
    made = {}
    for path in FILES:
        name = path.relative_to(SUITE)
        made |= {f"{name}, {form}": data for form, data in outputs(path).items()}
        document = document_of(path)
        if document is not None:
            grafted = (tmp_path / "suite" / name).with_name(f"square in {path.name}.gltf")
            grafted.write_text(json.dumps(with_square(document)))
            made |= {f"{name} with a square, {form}": data for form, data in outputs(grafted).items()}
    assert sum(name.endswith("with a square, read") for name in made) > 250
    invalid = {report.name: str(report.messages[0]) for report in validate_glbs(made) if not report.valid}
    assert invalid == {}
