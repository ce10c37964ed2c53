"""`bake_occlusion = true`, from a file to what a browser draws: a sample with a foot on a base, glass, and a cord."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import Array, Scene
from assetpipe.baking.occlusion import NAME
from assetpipe.config import load_config
from assetpipe.quality import validate_glb
from assetpipe.sources import open_source, read_scene
from tests.browser import load_in_three, require_browser, require_node
from tests.browser.likeness import open_picture

LEVELS = ("preview", "standard", "high")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("config") / "shaded.toml"
    file.write_text("[textures]\nbake_occlusion = true\n")
    return file


@pytest.fixture(scope="module")
def bundle(samples: Mapping[str, Path], config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles")
    assetpipe.build(samples["lamp"], out=out, config=load_config(config), cache=out / "cache")
    return out / "lamp"


def read(glb: Path) -> Scene:
    limits = load_config().limits
    with open_source(glb, limits) as source:
        return read_scene(source, limits)


def test_every_level_has_occlusion_but_on_its_glass(bundle: Path) -> None:
    """One map beside the textures that there were, no larger than 1024, in a set of UVs without gaps before it; notes
    say what was baked and what was not."""
    manifest = assetpipe.check(bundle)
    for name in LEVELS:
        scene = read(bundle / f"{name}.glb")
        for mesh in scene.meshes:
            for primitive in mesh.primitives:
                json = scene.materials[primitive.material or 0].json
                sets = sorted(each for each in primitive.attributes if each.startswith("TEXCOORD_"))
                assert sets == [f"TEXCOORD_{at}" for at in range(len(sets))]
                assert ("occlusionTexture" in json) == ("glass" not in json["name"]), json["name"]
                if "occlusionTexture" in json:
                    assert f"TEXCOORD_{json['occlusionTexture'].get('texCoord', 0)}" in sets
        assert [image.name for image in scene.images].count(NAME) == 1
    assert manifest.passed


@pytest.mark.node
def test_levels_with_occlusion_are_valid(bundle: Path) -> None:
    """Khronos' validator has no word to say about them."""
    require_node()
    for name in LEVELS:
        report = validate_glb((bundle / f"{name}.glb").read_bytes(), name)
        assert [found.code for found in report.messages if found.severity in ("error", "warning")] == []


def test_bytes_do_not_depend_on_cores_or_on_a_cache(
    samples: Mapping[str, Path], config: Path, bundle: Path, tmp_path: Path
) -> None:
    """One core without a cache, two cores with a full one: the same files."""
    command = [sys.executable, "-m", "assetpipe", "build", str(samples["lamp"]), "--config", str(config), "--no-cache"]
    alone = ["taskset", "-c", "0", *command, "--out", str(tmp_path / "one")]
    subprocess.run(alone, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True, capture_output=True)
    assetpipe.build(samples["lamp"], out=tmp_path / "warm", config=load_config(config), cache=bundle.parent / "cache")
    for file in sorted(bundle.iterdir()):
        assert (tmp_path / "one" / "lamp" / file.name).read_bytes() == file.read_bytes(), file.name
        assert (tmp_path / "warm" / "lamp" / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.browser
def test_three_draws_creases_darker_and_nothing_lighter(
    samples: Mapping[str, Path], bundle: Path, tmp_path: Path
) -> None:
    """The same level with and without: loaded without a word, its map where three.js multiplies it with the light from
    all about."""
    require_browser()
    assetpipe.build(samples["lamp"], out=tmp_path, config=load_config())
    files = [tmp_path / "lamp" / "standard.glb", bundle / "standard.glb"]
    bare, baked = load_in_three(files, tmp_path / "pictures", px=512, shared_frame=True)
    assert [(each["errors"], each["warnings"], each["failedRequests"]) for each in (bare, baked)] == [([], [], [])] * 2
    assert [slot for each in baked["textures"] for slot in each["slots"]].count("aoMap") == 1
    darker = light(bare["pictures"][0]) - light(baked["pictures"][0])
    assert (darker > 8).sum() > 500
    assert darker.min() > -2


def light(picture: str) -> Array:
    """(px, px) of a PNG on its own background."""
    return np.asarray(open_picture(picture)[..., :3].mean(axis=-1))
