"""What a shopper sees of an asset's variants, before and after: drawn by three.js, in every variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import Material, Scene
from assetpipe.config import load_config
from assetpipe.container import encode_geometry, write_glb
from assetpipe.quality.likeness import ssim
from assetpipe.textures.decode import decode
from tests.atlas.merging import painted
from tests.atlas.test_variants import NAMES, VARIANTS, offered, worn
from tests.browser import load_in_three, require_browser
from tests.shapes import torus
from tests.textures.pictures import bumps, cloth, png

SETTINGS = """
[levels.preview]
texture_px = 256
max_triangles = 1_200
[levels.standard]
texture_px = 256
[levels.high]
texture_px = 256
"""


TONES = np.array([(1, 1, 1), (1, 0.3, 0.2), (0.2, 0.9, 0.4), (0.4, 0.4, 0.4), (0.2, 0.2, 1), (1, 0.8, 0.2)])
"""Of upper and sole, in the three variants."""


def rings() -> Scene:
    """Two rings through one another, each in cloths of its own in three variants, with bumps of its own in all."""
    cloths = [png((cloth(128) * tone).astype(np.uint8)) for tone in TONES]
    images = [*cloths, png(bumps(128)), png(bumps(128)[:, ::-1].copy())]
    materials = [
        Material({**painted(at, name=f"{part} {name}").json, "normalTexture": {"index": bump}})
        for at, (part, bump, name) in enumerate(
            (part, bump, name) for part, bump in (("upper", 6), ("sole", 7)) for name in NAMES
        )
    ]
    lying, standing = torus(32), torus(32)
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
    turned = {name: values @ turn.T for name, values in standing.attributes.items() if name in ("POSITION", "NORMAL")}
    turned["POSITION"] = turned["POSITION"] + np.float32([1, 0, 0])
    standing = replace(standing, attributes={**standing.attributes, **turned})
    return offered([worn(lying, 0, 1, 2), worn(standing, 3, 4, 5)], materials, images)


def written(scene: Scene, path: Path, used: Sequence[str] = (VARIANTS,)) -> Path:
    plain = load_config().compression.model_copy(update={"geometry": "none"})
    scene = replace(scene, json={**scene.json, **({"extensionsUsed": list(used)} if used else {})})
    path.write_bytes(write_glb(scene, encode_geometry(scene, plain)))
    return path


@pytest.mark.browser
def test_every_variant_of_every_level_looks_as_the_sources_does(tmp_path: Path) -> None:
    """Half the draw calls, one set of UVs, three colourways; what the validator reads of it has no error."""
    require_browser()
    source = written(rings(), tmp_path / "rings.glb")
    config = tmp_path / "small.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    assetpipe.build(source, out=tmp_path / "out", asset="rings", config=config)
    bundle = tmp_path / "out" / "rings"
    assert {found.verdict for found in assetpipe.check(bundle).findings} <= {"pass"}
    levels, seen = [bundle / f"{name}.glb" for name in ("preview", "standard")], []
    for name in NAMES:
        first, *others = load_in_three([source, *levels], tmp_path / name, px=192, variant=name, shared_frame=True)
        assert first["drawCalls"] == 2
        seen.append(first["pictures"])
        for level, shown in zip(levels, others, strict=True):
            assert [shown["drawCalls"], shown["variants"], shown["errors"]] == [1, list(NAMES), []], level.name
            likeness = _likeness(first["pictures"], shown["pictures"])
            assert likeness > (0.93 if level.stem == "preview" else 0.97), (name, level.name)
    assert max(_likeness(seen[0], seen[1]), _likeness(seen[1], seen[2]), _likeness(seen[0], seen[2])) < 0.9


def _likeness(ones: Sequence[str], others: Sequence[str]) -> float:
    """SSIM where the first shows anything."""
    one, other = (decode(Path(path).read_bytes(), "test").array[..., :3] for path in (ones[0], others[0]))
    return ssim(one, other, (one != one[0, 0]).any(axis=2))
