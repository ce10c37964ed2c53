"""What a material makes of light: glass, cut-outs, metal, coats, bumps, and nonsense."""

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json, Primitive
from assetpipe.quality.render import Frame
from tests.quality.drawing import CLAMP, GREEN, RED, colour_at, drawable, front, matt, square, texels, unlit
from tests.shapes import sphere


def test_cut_out_texels_let_the_background_through() -> None:
    """MASK is all or nothing; BLEND shows both; OPAQUE ignores alpha."""
    half = texels([(255, 0, 0, 100)])
    alphas = {
        mode: colour_at(front(drawable(square(), unlit(alphaMode=mode)), texture=half), 0.5, 0.5)[3]
        for mode in ("OPAQUE", "MASK", "BLEND")
    }
    assert alphas == {"OPAQUE": 255, "MASK": 0, "BLEND": 100}
    kept = unlit(alphaMode="MASK", alphaCutoff=0.3)
    assert colour_at(front(drawable(square(), kept), texture=half), 0.5, 0.5) == RED


def test_layers_of_glass_add_up_from_front_to_back() -> None:
    """A half transparent red pane before a solid blue one: half red, half blue, in linear light."""
    pane = {**unlit(alphaMode="BLEND"), "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 0.5]}}
    wall = {**unlit(), "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 1, 1]}}
    frame = front(drawable(square(), wall), drawable(square(), pane, (0, 0, 0.5)))
    assert colour_at(frame, 0.5, 0.5) == (188, 0, 188, 255)


def test_clear_glass_shows_what_is_behind_it() -> None:
    """KHR_materials_transmission is not an opaque white lump."""
    glass = {**matt(), "extensions": {"KHR_materials_transmission": {"transmissionFactor": 1.0}}}
    frame = front(drawable(sphere(32, 0.8), glass))
    assert 0 < frame.coverage[32, 32] < 0.5


def test_vertex_colours_tint_the_base_colour() -> None:
    """COLOR_0 is linear and multiplies, with or without alpha."""
    material = {"extensions": {"KHR_materials_unlit": {}}}
    tinted = replace(drawable(square(), material), colours=np.tile(np.float32([0, 1, 0]), (4, 1)))
    assert colour_at(front(tinted), 0.5, 0.5) == GREEN


def test_white_under_the_studio_light_is_nearly_white_and_black_nearly_black() -> None:
    """Base colours are seen as their designer meant them."""
    white = colour_at(front(drawable(square(), matt(baseColorFactor=[0.9, 0.9, 0.9, 1]))), 0.5, 0.5)
    black = colour_at(front(drawable(square(), matt(baseColorFactor=[0.01, 0.01, 0.01, 1]))), 0.5, 0.5)
    assert min(white[:3]) > 225
    assert max(black[:3]) < 40


def test_normal_maps_bend_the_light() -> None:
    """The key light stands left of and above the camera: what leans there is brighter (red is right, green is up)."""

    def lean(red: int, green: int) -> int:
        material = {**matt(), "normalTexture": {"index": 0}}
        return colour_at(front(drawable(square(), material), texture=texels([(red, green, 200, 255)])), 0.5, 0.5)[1]

    assert lean(60, 128) > lean(128, 128) > lean(196, 128)
    assert lean(128, 196) > lean(128, 60)


@pytest.mark.parametrize("transform", [{"rotation": np.pi / 2}, {"scale": [-1.0, 1.0]}])
def test_normal_maps_lie_as_their_picture_is_turned(transform: Json) -> None:
    """As on UVs that were turned beforehand: a quarter turn makes up of the map right, a mirror makes right left."""
    turned, mirrored = square(), "scale" in transform
    u, v = turned.attributes["TEXCOORD_0"].T
    turned.attributes["TEXCOORD_0"][:] = np.stack([1 - u, v] if mirrored else [v, 1 - u], axis=1)
    info = {"index": 0, "extensions": {"KHR_texture_transform": transform}}
    up = texels([(60, 128, 200, 255) if mirrored else (128, 196, 200, 255)])

    def lean(shape: Primitive, map_: Json) -> tuple[int, ...]:
        return colour_at(front(drawable(shape, {**matt(), "normalTexture": map_}), texture=up), 0.5, 0.5)

    assert lean(square(), info) == lean(turned, {"index": 0}) != lean(square(), {"index": 0})


def test_metal_mirrors_and_plastic_does_not() -> None:
    """A smooth metal ball shows the sharp edges of the lights, in its own colour."""
    gold = {
        "pbrMetallicRoughness": {"baseColorFactor": [1.0, 0.6, 0.1, 1], "metallicFactor": 1.0, "roughnessFactor": 0.1}
    }
    shiny = front(drawable(sphere(64, 0.9), gold)).rgba()[16:48, 16:48].astype(int)
    dull = front(drawable(sphere(64, 0.9), matt())).rgba()[16:48, 16:48].astype(int)
    edge, slope = (np.abs(np.diff(ball[..., 1], axis=1)).max() for ball in (shiny, dull))
    assert edge > 2 * slope
    assert (shiny[..., 0] >= shiny[..., 2]).all()


def test_a_map_says_where_the_coat_is() -> None:
    """Its red channel multiplies the coat: half with it, half without."""

    def coated(**maps: object) -> Frame:
        coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.3, **maps}
        material = {**matt(baseColorFactor=[0, 0, 0, 1]), "extensions": {"KHR_materials_clearcoat": coat}}
        return front(drawable(square(), material), texture=texels([RED, GREEN]), wrap=CLAMP)

    mapped, everywhere = coated(clearcoatTexture={"index": 0}), coated()
    bare = front(drawable(square(), matt(baseColorFactor=[0, 0, 0, 1])))
    assert colour_at(mapped, -0.8, 0) == colour_at(everywhere, -0.8, 0)
    assert colour_at(mapped, 0.8, 0) == colour_at(bare, 0.8, 0) != colour_at(everywhere, 0.8, 0)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"pbrMetallicRoughness": {"baseColorFactor": [1, "x", None, {}]}},
        {"pbrMetallicRoughness": {"baseColorFactor": 3, "metallicFactor": "shiny", "roughnessFactor": 1e300}},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": -7}}},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 9}}},
        {"pbrMetallicRoughness": None, "extensions": []},
        {"extensions": {"KHR_materials_clearcoat": 5, "KHR_materials_transmission": {"transmissionFactor": []}}},
        {
            "pbrMetallicRoughness": {
                "baseColorTexture": {"index": 0, "extensions": {"KHR_texture_transform": {"scale": 2}}}
            }
        },
        {"emissiveFactor": [1e38, 1e38, 1e38], "alphaMode": "MOSTLY"},
    ],
)
def test_no_material_is_too_odd_to_be_drawn(nonsense: Json) -> None:
    """What no validator has looked at must neither stop a poster nor read beyond an array."""
    assert front(drawable(square(), nonsense), texture=texels([RED])).coverage[32, 32] == 1
