"""The rules by which variants that differ by factors share one set of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import Array, Json, Material, Primitive, Scene
from assetpipe.atlas.colourways import partings
from assetpipe.config import load_config
from assetpipe.poster import drawables, textures
from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import drawn_box
from assetpipe.quality.likeness import ssim
from assetpipe.quality.render import Look, render
from assetpipe.sources import open_source, read_scene
from tests.atlas.looks import pictures, quad
from tests.atlas.merging import noise
from tests.atlas.test_variants import (
    NAMES,
    SOLE,
    UPPER,
    assert_alike,
    base_colours,
    merged,
    offered,
    variant,
    worn,
)
from tests.atlas.test_variants_shown import written
from tests.shapes import sphere, torus
from tests.textures.pictures import bumps, cloth, png

TINTS = ((1.0, 0.0, 0.0), (0.2, 0.9, 0.3), (0.1, 0.1, 0.7))
"""Pure red among them: its texels' green and blue show nothing."""
FEW_TEXELS = {"atlas": "auto", "atlas_draw_texels": 20_000, "atlas_loss": 100.0}


def tinted(texture: int, share: float = 1.0, **more: object) -> list[Material]:
    """One map in all tints, each multiplied by `share`."""
    return [
        Material(
            {
                "name": f"{name} {share}",
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": texture},
                    "baseColorFactor": [*(round(share * part, 3) for part in tint), 1.0],
                },
                **more,
            }
        )
        for name, tint in zip(NAMES, TINTS, strict=True)
    ]


def chair(parts: tuple[Primitive, Primitive, Primitive], side: int = 64) -> Scene:
    """Seat and back in one fabric in three tints, darker on the back, and rougher; legs that are never another."""
    rough: Json = {"metallicFactor": 0.0, "roughnessFactor": 0.6}
    back = [
        Material({**each.json, "pbrMetallicRoughness": {**each.json["pbrMetallicRoughness"], **rough}})
        for each in tinted(0, 0.5, normalTexture={"index": 2})
    ]
    legs = Material({"name": "oak", "pbrMetallicRoughness": {"baseColorTexture": {"index": 1}}})
    images = [png(cloth(side)), png(cloth(side, seed=3)), png(bumps(side))]
    seat, rest, leg = parts
    shown = [worn(seat, 0, 1, 2), worn(rest, 3, 4, 5), replace(leg, json={"material": 6})]
    return offered(shown, [*tinted(0, normalTexture={"index": 2}), *back, legs], images)


def flat_chair(side: int = 64) -> Scene:
    return chair((quad(UPPER, 0), quad(SOLE, 0, at=2), quad(UPPER, 0, at=4)), side)


def factors(found: Scene) -> list[list[float]]:
    return [each.json["pbrMetallicRoughness"].get("baseColorFactor", [1.0] * 4)[:3] for each in found.materials]


def test_what_is_coloured_by_factors_keeps_one_map_and_a_factor_for_each_look() -> None:
    """Seat and back become one material a tint, over one picture; the oak that never changes keeps its own."""
    source = flat_chair()
    result, notes = merged(source, **FEW_TEXELS)
    assert [len(result.meshes[0].primitives), len(result.materials)] == [2, 4]
    assert len(set(base_colours(result)[:3])) == 1
    np.testing.assert_allclose(factors(result)[:3], TINTS)
    assert any(note.startswith("6 materials share one atlas, with factors of its own for each") for note in notes)
    assert any(note.startswith("oak keeps its own maps: no other material changes as it does") for note in notes)
    assert_alike(source, result)


def test_pictures_for_each_look_are_painted_where_draw_calls_count_more() -> None:
    """One draw call for all three parts, and a base colour for each tint: the oak must not be tinted."""
    source = flat_chair()
    result, notes = merged(source, atlas="auto", atlas_draw_texels=2_000_000)
    assert [len(result.meshes[0].primitives), len(set(base_colours(result)))] == [1, 3]
    assert any(note.startswith("7 materials share 3 atlases, one for each look") for note in notes)
    assert_alike(source, result)


def test_alone_they_need_one_atlas_however_they_are_asked() -> None:
    """Nothing that never changes is there: `always` paints one picture, too."""
    source = flat_chair()
    source = replace(source, meshes=(replace(source.meshes[0], primitives=source.meshes[0].primitives[:2]),))
    result, _ = merged(source)
    assert [len(result.meshes[0].primitives), len(set(base_colours(result)[:3]))] == [1, 1]
    assert_alike(source, result)


def test_roughness_and_bumps_by_factors_share_their_maps_too() -> None:
    """A matt and a glossy look over the same maps: strengths go into the materials, texels are painted once."""
    finishes = [(0.2, 1.0), (0.9, 0.3), (0.5, 2.0)]

    def finished(share: float) -> list[Material]:
        return [
            Material(
                {
                    "pbrMetallicRoughness": {
                        "metallicRoughnessTexture": {"index": 0},
                        "roughnessFactor": rough * share,
                        "metallicFactor": 0.5,
                    },
                    "normalTexture": {"index": 1, "scale": scale},
                    "occlusionTexture": {"index": 0, "strength": rough},
                }
            )
            for rough, scale in finishes
        ]

    parts = [worn(quad(UPPER, 0), 0, 1, 2), worn(quad(SOLE, 0, at=2), 3, 4, 5)]
    source = offered(parts, [*finished(1.0), *finished(0.7)], [noise(64), png(bumps(64))])
    result, _ = merged(source)
    assert [len(result.materials), len(result.images)] == [3, 2]
    assert_alike(source, result)


def test_the_alpha_that_nobody_looks_at_tells_no_looks_apart() -> None:
    """Opaque materials whose factors differ in alpha alone show the same picture."""
    tones = [
        Material(
            {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "baseColorFactor": [share, share, share, a]}}
        )
        for share, a in ((1.0, 0.1), (1.0, 0.2), (1.0, 0.3), (0.5, 0.9), (0.5, 0.8), (0.5, 0.7))
    ]
    parts = [worn(quad(UPPER, 0), 0, 1, 2), worn(quad(SOLE, 0, at=2), 3, 4, 5)]
    result, _ = merged(offered(parts, tones, [noise(64)]))
    assert [len(result.meshes[0].primitives), len(set(base_colours(result)))] == [1, 1]


def test_a_group_is_parted_by_what_changes_alike() -> None:
    """Fabrics of one course of tints, a part that swaps maps, one that never changes: each way once, whole first."""
    swapped = [Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": at}}}) for at in (0, 1, 0)]
    source = offered([], [*tinted(0), *tinted(1, 0.5), *swapped], [noise(16), noise(16, seed=2)])
    fabric, darker, maps, still = (0, 0, 1, 2), (3, 3, 4, 5), (6, 6, 7, 8), (8, 8, 8, 8)
    group = [fabric, darker, maps, still]
    assert partings(source, group, pictures()) == [
        ((fabric, darker, maps, still),),
        ((fabric, darker, maps), (still,)),
        ((fabric, darker), (maps,), (still,)),
        ((fabric, darker), (maps, still)),
    ]
    assert partings(source, [still, (7, 7, 7, 7)], pictures()) == [((still, (7, 7, 7, 7)),)]


SETTINGS = """
[levels.preview]
texture_px = 128
max_triangles = 1_200
[levels.standard]
texture_px = 256
[levels.high]
texture_px = 256
[textures]
atlas_draw_texels = 10_000
atlas_loss = 100.0
"""


@pytest.mark.parametrize("level", ["preview", "standard"])
def test_every_tint_of_a_built_level_looks_as_the_sources_does(built: tuple[Scene, Path], level: str) -> None:
    """Our own renderer draws source and level without a variant and in each, from two sides."""
    source, bundle = built
    shown = read(bundle / f"{level}.glb")
    assert len(set(base_colours(shown))) == 2
    seen = []
    for number in range(-1, len(NAMES)):
        before, after = (drawn(variant(each, number)) for each in (source, shown))
        for one, other in zip(before, after, strict=True):
            assert ssim(one, other, (one != one[0, 0]).any(axis=2)) > (0.9 if level == "preview" else 0.97), number
        seen.append(before[0].astype(int))
    assert min(np.abs(seen[at] - seen[at + 1]).mean() for at in (1, 2)) > 5


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Path]:
    """The chair as a whole build makes it, and validated."""
    folder = tmp_path_factory.mktemp("chair")
    seat, back, leg = torus(32), lifted(sphere(32), 1.3, 0.6), lifted(sphere(16), -1.1, 0.5)
    source = chair((seat, back, leg), side=128)
    config = folder / "small.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    path = written(source, folder / "chair.glb")
    assetpipe.build(path, out=folder / "out", asset="chair", config=config)
    assert {found.verdict for found in assetpipe.check(folder / "out" / "chair").findings} <= {"pass"}
    return read(path), folder / "out" / "chair"


def lifted(primitive: Primitive, height: float, scale: float) -> Primitive:
    positions = primitive.positions * np.float32(scale) + np.array([0, height, 0], np.float32)
    return replace(primitive, attributes={**primitive.attributes, "POSITION": positions})


def read(path: Path) -> Scene:
    limits = load_config().limits
    with open_source(path, limits) as source:
        return read_scene(source, limits)


def drawn(scene: Scene) -> Sequence[Array]:
    parts = list(drawables(scene))
    looks = [views(drawn_box(parts))[side] for side in (0, 4)]
    return [render(parts, textures(scene), each, 96, Look(rays=0)).over(0.8) for each in looks]
