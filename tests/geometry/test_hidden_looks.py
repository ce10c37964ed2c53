"""Hidden geometry: no camera outside sees a difference, whoever looked for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from assetpipe.asset import Scene
from assetpipe.config import load_config
from assetpipe.geometry import drawn_triangles, prepare, remove_hidden
from assetpipe.sources import open_source, read_scene
from tests.geometry.nested import assembly
from tests.geometry.views import assert_looks_the_same

MODELS = Path(__file__).parents[3] / "shared" / "models"
REAL = {
    path.stem: path
    for path in (
        MODELS / "Mixer" / "glTF-Binary" / "Mixer.glb",
        MODELS / "TennisRacquet" / "glTF" / "TennisRacquet.gltf",
    )
    if path.exists()
}
"""They lie beside a checkout of the project's makers, never in the project."""


@pytest.mark.parametrize("seed", range(5))
def test_no_camera_outside_sees_a_difference(seed: int) -> None:
    """Random assemblies from random sides, cast from the eye by other code; and much of each is gone."""
    made = assembly(seed)
    hidden = remove_hidden(made)
    assert hidden.triangles > 0.1 * drawn_triangles(made)
    assert_looks_the_same(made, hidden.scene)


def _ready(path: Path) -> Scene:
    config = load_config()
    with open_source(path, config.limits) as source:
        return prepare(read_scene(source, config.limits), config.geometry)


@pytest.mark.parametrize("name", ["lamp", "gadget", "garment", *REAL])
def test_models_look_the_same(samples: Mapping[str, Path], name: str) -> None:
    """Glass and instances, and what no one built for this test; what the garment's skin moves is not touched."""
    made = _ready(REAL.get(name) or samples[name])
    hidden = remove_hidden(made)
    assert (hidden.triangles > 0) == (name != "garment")
    if name != "garment":
        assert_looks_the_same(made, hidden.scene, px=160)


def test_threads_and_their_number_change_nothing() -> None:
    """The same arrays, whoever looks first."""
    made = assembly(3)
    one, many = remove_hidden(made, threads=1), remove_hidden(made, threads=5)
    assert one.triangles == many.triangles > 0
    for ours, theirs in zip(one.scene.meshes, many.scene.meshes, strict=True):
        for a, b in zip(ours.primitives, theirs.primitives, strict=True):
            assert a.indices.tobytes() == b.indices.tobytes()
            assert a.positions.tobytes() == b.positions.tobytes()
