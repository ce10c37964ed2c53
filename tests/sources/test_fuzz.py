"""Whatever a file holds, reading it ends in a scene or in an error of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetpipe.asset import Json, Scene
from assetpipe.errors import AssetpipeError
from tests.sources.build import CORNERS, pack, quad, read
from tests.sources.test_compression import draco, meshopt, meshopt_glb
from tests.sources.test_geometry import sparse
from tests.sources.test_images import glossy, picture, textured
from tests.sources.test_scene import animated

RICH = animated(textured(picture(), picture("JPEG"), picture("WEBP")), [0, 1, 2, 3])
RICH.json["nodes"] = [{"mesh": 0, "children": [1], "skin": 0}, {"translation": [0, 1, 0]}]
RICH.json["skins"] = [{"joints": [1]}]
RICH.json["materials"].append(
    glossy(diffuseTexture={"index": 0}, specularGlossinessTexture={"index": 0}, glossinessFactor=0.5)
)
RICH.json["textures"][0]["sampler"] = 0
RICH.json["samplers"] = [{"wrapS": 33071}]
RICH.json["accessors"][0]["sparse"] = sparse(RICH, [1, 3], CORNERS[:2])
RICH.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}]
RICH.json["meshes"][0]["primitives"][0]["material"] = 1
RICH.json["nodes"][1]["extensions"] = {
    "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}},
    "KHR_lights_punctual": {"light": 0},
}
RICH.json["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "spot", "spot": {"outerConeAngle": 0.5}}]}}
SEEDS = {"rich": RICH.glb(), "draco": draco().glb(), "meshopt": meshopt_glb(meshopt()), "plain": quad().glb()}
MUTANTS = 150


def survive(folder: Path, data: bytes) -> Scene | None:
    try:
        scene = read(folder, data)
    except AssetpipeError as error:
        assert error.message  # noqa: PT017 - either way is fine
        return None
    for mesh in scene.meshes:
        for primitive in mesh.primitives:
            assert int(primitive.indices.max()) < len(primitive.positions)
            assert np.isfinite(primitive.positions).all()
    return scene


@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_bits_never_get_past_the_reader(tmp_path: Path, seed: str) -> None:
    """One to four flips anywhere; a scene that comes out has valid indices and finite positions."""
    random = np.random.default_rng(11)
    for _ in range(MUTANTS):
        data = bytearray(SEEDS[seed])
        for at in random.integers(0, len(data), random.integers(1, 5)):
            data[at] ^= 1 << int(random.integers(0, 8))
        survive(tmp_path, bytes(data))


@pytest.mark.parametrize("seed", SEEDS)
def test_truncation_at_any_place_is_an_error(tmp_path: Path, seed: str) -> None:
    """Cut, and with the header's length made to agree."""
    random = np.random.default_rng(13)
    for length in random.integers(1, len(SEEDS[seed]), 40):
        cut = SEEDS[seed][:length]
        assert survive(tmp_path, cut) is None
        survive(tmp_path, cut[:8] + int(length).to_bytes(4, "little") + cut[12:])


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def replaced(document: Json, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copied = json.loads(json.dumps(document))
    owner = copied
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value
    return copied


DOCUMENTS = {"rich": (RICH.document(), RICH.bin), "draco": (draco().document(), draco().bin)}
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 2, 3, 255, 65535, 2**31, 2**32 - 1, 2**53, 0.5, -1, 1e308]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.lists(st.integers(0, 9), max_size=4),
    st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=2),
)


@pytest.mark.parametrize("seed", DOCUMENTS)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(data=st.data())
def test_any_value_at_any_place_of_the_document_is_survived(seed: str, tmp_path: Path, data: st.DataObject) -> None:
    document, binary = DOCUMENTS[seed]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(document)))
        document = replaced(document, path, data.draw(STRANGE))
        if not isinstance(document, dict):
            break
    survive(tmp_path, pack(json.dumps(document).encode(), binary))
