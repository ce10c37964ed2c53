"""Files made by others: Khronos' validator suite and real product models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.errors import AssetpipeError
from assetpipe.sources import open_source, read_scene
from tests.sources.build import LIMITS

SHARED = Path(__file__).parents[3] / "shared"
SUITE, MODELS = SHARED / "suites" / "gltf-validator", SHARED / "models"
FILES = sorted(path for path in SUITE.rglob("*.gl*") if path.suffix in (".glb", ".gltf"))
here = pytest.mark.skipif(not SUITE.is_dir(), reason="the suites of others are not beside this checkout")
# Valid as far as a validator looks, but with nothing that could be published: buffers that have no data at all, no
# positions, four corners of triangles.
UNPUBLISHABLE = {
    "named_objects.gltf": "E_MISSING_BUFFER",
    "unused_objects.gltf": "E_MISSING_BUFFER",
    "primitive_no_position.gltf": "E_EMPTY",
    "primitive_incompatible_mode.gltf": "E_INDEX_COUNT",
}


def verdict(path: Path) -> tuple[str, int]:
    """The code of the error or "", and the triangles read."""
    try:
        return "", read_scene(open_source(path, LIMITS), LIMITS).triangles
    except AssetpipeError as error:
        assert error.exit_code in (65, 66, 70)  # noqa: PT017 - a verdict, not a failure
        assert path.name in error.message or "/" in error.message  # noqa: PT017
        return error.code, 0


def report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{path}.report.json").read_text())
    return found


@here
def test_the_whole_validator_suite_is_survived() -> None:
    """372 files, and no exception that is not ours."""
    assert len(FILES) == 372
    for path in FILES:
        verdict(path)


@here
def test_what_the_validator_cannot_read_is_refused() -> None:
    unreadable = [path for path in FILES if "info" not in report(path)]
    assert len(unreadable) == 24
    assert [path.name for path in unreadable if not verdict(path)[0]] == []


@here
def test_what_the_validator_accepts_is_read_with_all_its_triangles() -> None:
    wrong = {}
    for path in FILES:
        found = report(path)
        triangles = found.get("info", {}).get("totalTriangleCount", 0)
        if found["issues"]["numErrors"] or not triangles:
            continue
        code, read = verdict(path)
        if code != UNPUBLISHABLE.get(path.name, "") or (not code and read != triangles):
            wrong[path.name] = (code, read, triangles)
    assert wrong == {}


@pytest.mark.skipif(not MODELS.is_dir(), reason="the product models are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "triangles", "images"),
    [
        ("Mixer/glTF-Binary/Mixer.glb", 46_963, 4),
        ("Mixer/glTF/Mixer.gltf", 46_963, 4),
        ("TennisRacquet/glTF/TennisRacquet.gltf", 17_164, 12),
    ],
)
def test_product_models_are_read_whole(name: str, triangles: int, images: int) -> None:
    """Nothing to repair, nothing to warn of, every vertex used by index."""
    scene = read_scene(open_source(MODELS / name, LIMITS), LIMITS)
    assert (scene.triangles, len(scene.images)) == (triangles, images)
    assert (scene.repairs, scene.warnings) == ((), ())
    for mesh in scene.meshes:
        for primitive in mesh.primitives:
            assert {"POSITION", "NORMAL", "TEXCOORD_0"} <= set(primitive.attributes)
            assert np.abs(np.linalg.norm(primitive.attributes["NORMAL"], axis=1) - 1).max() < 1e-3
