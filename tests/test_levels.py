"""Every level of every sample, and of the real models where they are at hand: valid, loadable, within its promises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import assetpipe
from assetpipe.asset import Scene
from assetpipe.carve import pixel
from assetpipe.config import load_config
from assetpipe.geometry import Bounds
from assetpipe.manifest import Manifest
from assetpipe.quality import validate_glb
from assetpipe.scores import outline_box
from assetpipe.sources import open_source, read_scene
from tests.browser import load_in_three, require_browser, require_node
from tests.browser.likeness import compare_in_three
from tests.conftest import NAMES

MODELS = Path(__file__).parents[2] / "shared" / "models"
REAL = {
    "mixer": MODELS / "Mixer" / "glTF-Binary" / "Mixer.glb",
    "mixer-parts": MODELS / "Mixer" / "glTF" / "Mixer.gltf",
    "tennisracquet": MODELS / "TennisRacquet" / "glTF" / "TennisRacquet.gltf",
}
HERE = [*NAMES, *(name for name, path in REAL.items() if path.exists())]
"""The real models lie beside a checkout of the project's makers, never in the project."""


class Bundles(Mapping[str, Path]):
    """Asset -> its bundle, built when first asked for."""

    def __init__(self, samples: Mapping[str, Path], folder: Path) -> None:
        self.sources = {**dict(samples), **{name: REAL[name] for name in HERE if name in REAL}}
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        assetpipe.build(self.sources[name], out=self.folder, asset=name)
        return self.folder / name

    def __iter__(self) -> Iterator[str]:
        return iter(HERE)

    def __len__(self) -> int:
        return len(HERE)


@pytest.fixture(scope="module")
def bundles(samples: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return Bundles(samples, tmp_path_factory.mktemp("bundles"))


def manifest_of(bundle: Path) -> Manifest:
    return Manifest.model_validate(json.loads((bundle / "manifest.json").read_text()))


@pytest.mark.parametrize("name", HERE)
def test_levels_keep_their_promises(bundles: Bundles, name: str) -> None:
    """No level has more triangles or bytes than its config allows, and where triangles do not hold it back, its surface
    lies within a pixel of the source on its screen (half a pixel is what the descent allows itself by estimate), also
    from the side that shows the asset largest."""
    manifest, config = manifest_of(bundles[name]), load_config()
    bounds = Bounds(manifest.bounds.min, manifest.bounds.max, manifest.bounds.radius)
    for record in manifest.levels:
        level = config.levels[record.name]
        assert record.bytes == (bundles.folder / name / record.uri).stat().st_size <= level.max_bytes
        assert 0 < record.triangles <= level.max_triangles
        assert all(texture.px <= level.texture_px for texture in record.textures)
        strays = record.deviation.max / pixel(level, bounds)
        assert strays <= 1.0 or any("strays" in note for note in record.notes)
    triangles = [record.triangles for record in manifest.levels]
    assert triangles == sorted(triangles)


@pytest.mark.node
@pytest.mark.parametrize("name", HERE)
def test_levels_are_valid_as_written_and_decoded(bundles: Bundles, name: str) -> None:
    """Khronos' validator finds no error in what is published nor in what a browser decodes from it, and warns of
    nothing but of tangents that the source left to the viewer."""
    require_node()
    checked = assetpipe.check(bundles[name])
    verdicts = {(found.check, found.verdict) for found in checked.findings}
    assert checked.passed, [found.message for found in checked.failures]
    assert {("valid", "pass"), ("valid decoded", "pass"), ("intact", "pass")} <= verdicts
    for level in sorted(bundles[name].glob("*.glb")):
        report = validate_glb(level.read_bytes(), level.name)
        warned = {message.code for message in report.messages if message.severity in ("error", "warning")}
        assert warned <= {"MESH_PRIMITIVE_GENERATED_TANGENT_SPACE"}


@pytest.mark.browser
def test_levels_load_in_three_without_a_word(bundles: Bundles) -> None:
    """What the shopper's browser does: every level of every asset loads, draws, and the console stays empty."""
    require_browser()
    records = {bundles[name] / record.uri: record for name in HERE for record in manifest_of(bundles[name]).levels}
    for path, shown in zip(records, load_in_three(list(records), px=128), strict=True):
        assert (shown["errors"], shown["warnings"], shown["failedRequests"]) == ([], [], []), path
        assert shown["triangles"] == records[path].triangles


@pytest.mark.browser
@pytest.mark.parametrize("name", [name for name in ("gadget", "lamp", "tennisracquet") if name in HERE])
def test_previews_look_like_their_source_in_three(bundles: Bundles, tmp_path: Path, name: str) -> None:
    """Nine materials in one sheet, glass, and strings, from six sides. Finer levels take minutes:
    benchmarks/threejs.py."""
    require_browser()
    config = load_config()
    with open_source(bundles.sources[name], config.limits) as source:
        box = outline_box(read_scene(source, config.limits))
    files = [bundles.sources[name], bundles[name] / "preview.glb"]
    pair = compare_in_three(files, box, config.levels["preview"].screen_px, tmp_path, samples=1)
    assert [shown["errors"] for shown in pair.shown] == [[], []]
    assert pair.likeness.mean >= 0.95


def extensions_of(scene: Scene) -> set[str]:
    return {name for material in scene.materials for name in material.json.get("extensions", {})}


def slots_of(scene: Scene) -> set[tuple[str, ...]]:
    return {slot.path for material in scene.materials for slot in material.textures}


@pytest.mark.parametrize("name", HERE)
def test_nothing_is_lost_that_the_shop_needs(bundles: Bundles, name: str) -> None:
    """Nodes, materials, variants, skins, animations, lights, extras and copyright of the source are in `high`."""
    limits = load_config().limits
    with open_source(bundles.sources[name], limits) as source, open_source(bundles[name] / "high.glb", limits) as level:
        before, after = read_scene(source, limits), read_scene(level, limits)
    names = [node.json.get("name") for node in before.nodes]
    assert [node.json.get("name") for node in after.nodes][: len(names)] == names
    told = " ".join([*(material.name for material in after.materials), *manifest_of(bundles[name]).notes])
    assert all(material.name in told for material in before.materials)
    assert extensions_of(after) == extensions_of(before)
    assert slots_of(after) >= slots_of(before)
    for key in ("skins", "animations", "cameras", "extras", "scenes"):
        assert len(after.json.get(key, ())) == len(before.json.get(key, ()))
    assert after.json.get("extensions", {}) == before.json.get("extensions", {})
    assert after.json["asset"].get("copyright") == before.json["asset"].get("copyright")
