"""MTL -> materials, images and textures."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from assetpipe.asset import Scene
from assetpipe.config import load_config
from assetpipe.errors import LimitExceeded, SourceError
from assetpipe.sources.files import open_source
from assetpipe.sources.meshes import read_meshes
from tests.sources.mesh_files import SQUARE, TRIANGLE, picture, read

UVED = TRIANGLE + "vt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"


def material(folder: Path, mtl: str) -> Scene:
    (folder / "own lib.mtl").write_text("newmtl m\n" + mtl)
    return read(folder / "a.obj", "mtllib own lib.mtl\n" + UVED)


def test_pictures_stay_as_they_are(tmp_path: Path) -> None:
    """PNG and JPEG keep their bytes, names with blanks are found."""
    picture(tmp_path / "oak wood.jpg", (120, 80, 40))
    scene = material(tmp_path, "Kd 0.8 0.8 0.8\nmap_Kd oak wood.jpg\n")
    assert bytes(scene.images[0].data) == (tmp_path / "oak wood.jpg").read_bytes()
    assert (scene.images[0].mime, scene.images[0].uri) == ("image/jpeg", "oak wood.jpg")
    base = scene.materials[0].json["pbrMetallicRoughness"]
    assert base["baseColorFactor"] == [1, 1, 1, 1]
    assert scene.json["textures"][base["baseColorTexture"]["index"]] == {"source": 0}


def test_pictures_that_gltf_cannot_hold_become_png(tmp_path: Path) -> None:
    """TGA, BMP and TIFF, pixel by pixel."""
    for suffix in ("tga", "bmp", "tif"):
        picture(tmp_path / f"c.{suffix}", (200, 100, 50))
        scene = material(tmp_path, f"map_Kd c.{suffix}\n")
        assert scene.images[0].mime == "image/png"
        assert PIL.Image.open(io.BytesIO(scene.images[0].data)).getpixel((1, 1)) == (200, 100, 50)


def test_a_tint_multiplies_its_map_and_a_grey_does_not(tmp_path: Path) -> None:
    """Exporters leave Kd at a grey of their own (0, 0.588, 0.8) beside a map."""
    picture(tmp_path / "c.png", (200, 100, 50))
    assert material(tmp_path, "Kd 0 0 0\nmap_Kd c.png\n").materials[0].json["pbrMetallicRoughness"]["baseColorFactor"][
        :3
    ] == [1, 1, 1]
    tinted = material(tmp_path, "Kd 1 0.2 0.2\nmap_Kd c.png\n").materials[0].json
    assert tinted["pbrMetallicRoughness"]["baseColorFactor"] == [1, 0.2, 0.2, 1]


def test_roughness_and_metalness_are_packed(tmp_path: Path) -> None:
    """glTF reads roughness from green and metalness from blue of one texture."""
    picture(tmp_path / "r.png", (90,), "L")
    picture(tmp_path / "m.png", (200,), "L")
    scene = material(tmp_path, "map_Pr r.png\nmap_Pm m.png\n")
    base = scene.materials[0].json["pbrMetallicRoughness"]
    assert (base["roughnessFactor"], base["metallicFactor"]) == (1, 1)
    image = scene.images[scene.json["textures"][base["metallicRoughnessTexture"]["index"]]["source"]]
    assert PIL.Image.open(io.BytesIO(image.data)).getpixel((0, 0)) == (255, 90, 200)


def test_a_packed_picture_is_taken_as_it_is(tmp_path: Path) -> None:
    """map_Pr and map_Pm of one coloured file are occlusion, roughness and metalness already."""
    picture(tmp_path / "orm.png", (255, 90, 200))
    scene = material(tmp_path, "map_Pr orm.png\nmap_Pm orm.png\n")
    assert bytes(scene.images[0].data) == (tmp_path / "orm.png").read_bytes()


@pytest.mark.parametrize(
    ("mtl", "roughness"),
    [("Pr 0.3\nNs 900\n", 0.3), ("Ns 6\n", 0.7071), ("Ns 6\nKs 0 0 0\n", 1.0), ("", 1.0)],
)
def test_gloss_becomes_roughness(tmp_path: Path, mtl: str, roughness: float) -> None:
    """Pr wins; Ns is Blinn's exponent; no highlight is fully rough."""
    found = material(tmp_path, mtl).materials[0].json["pbrMetallicRoughness"]["roughnessFactor"]
    assert found == pytest.approx(roughness, abs=1e-4)


def test_blenders_gloss_is_read_its_own_way(tmp_path: Path) -> None:
    """Blender writes Ns = 1000 (1 - roughness)^2."""
    (tmp_path / "a.mtl").write_text("# Blender 4.2.0 MTL File: 'x'\nnewmtl m\nNs 250\n")
    scene = read(tmp_path / "a.obj", "mtllib a.mtl\n" + UVED)
    assert scene.materials[0].json["pbrMetallicRoughness"]["roughnessFactor"] == pytest.approx(0.5)


def test_an_opacity_map_becomes_alpha(tmp_path: Path) -> None:
    """A black and white one is a cutout, any other blends."""
    picture(tmp_path / "c.png", (200, 100, 50))
    cut = np.zeros((4, 4), np.uint8)
    cut[:2] = 255
    picture(tmp_path / "cut.png", cut)
    picture(tmp_path / "half.png", (128,), "L")
    scene = material(tmp_path, "map_Kd c.png\nmap_d cut.png\n")
    assert scene.materials[0].alpha_mode == "MASK"
    pixels = np.asarray(PIL.Image.open(io.BytesIO(scene.images[0].data)))
    assert pixels[0, 0].tolist() == [200, 100, 50, 255]
    assert pixels[3, 0].tolist() == [200, 100, 50, 0]
    assert material(tmp_path, "map_Kd c.png\nmap_d half.png\n").materials[0].alpha_mode == "BLEND"


@pytest.mark.parametrize(
    ("mtl", "alpha"), [("d 0.25\n", 0.25), ("Tr 0.75\n", 0.25), ("d 0\n", 1), ("Tr 1\n", 1), ("d -halo 0.5\n", 0.5)]
)
def test_transparency_is_read_both_ways(tmp_path: Path, mtl: str, alpha: float) -> None:
    """Nobody ships a material that cannot be seen at all."""
    json = material(tmp_path, mtl).materials[0].json
    assert json["pbrMetallicRoughness"]["baseColorFactor"][3] == alpha
    assert json.get("alphaMode", "OPAQUE") == ("OPAQUE" if alpha == 1 else "BLEND")


def test_a_height_map_is_no_normal_map(tmp_path: Path) -> None:
    """`map_Bump` holds either; a grey one is left out and said."""
    picture(tmp_path / "height.png", np.random.default_rng(1).integers(0, 255, (8, 8), np.uint8))
    picture(tmp_path / "normal.png", (128, 128, 255))
    scene = material(tmp_path, "map_Bump -bm 0.5 height.png\n")
    assert "normalTexture" not in scene.materials[0].json
    assert any("height map" in warning for warning in scene.warnings)
    assert material(tmp_path, "bump -bm 0.5 normal.png\n").materials[0].json["normalTexture"] == {
        "index": 0,
        "scale": 0.5,
    }


def test_what_shines_brighter_than_white_keeps_its_strength(tmp_path: Path) -> None:
    """emissiveFactor ends at 1."""
    scene = material(tmp_path, "Ke 4 2 0\n")
    assert scene.materials[0].json["emissiveFactor"] == [1, 0.5, 0]
    assert scene.materials[0].json["extensions"]["KHR_materials_emissive_strength"] == {"emissiveStrength": 4}
    assert scene.json["extensionsUsed"] == ["KHR_materials_emissive_strength"]


def test_map_options_become_a_texture_transform(tmp_path: Path) -> None:
    """MTL shifts with v upwards, glTF with v downwards; clamping becomes a sampler."""
    picture(tmp_path / "2 c.png", (200, 100, 50))
    scene = material(tmp_path, "map_Kd -s 2 3 1 -o 0.1 0.2 -clamp on 2 c.png\n")
    texture = scene.materials[0].json["pbrMetallicRoughness"]["baseColorTexture"]
    transform = texture["extensions"]["KHR_texture_transform"]
    u, v = 0.3, 0.4  # as OBJ has them
    assert transform["offset"][0] + transform["scale"][0] * u == pytest.approx(2 * u + 0.1)
    assert transform["offset"][1] + transform["scale"][1] * (1 - v) == pytest.approx(1 - (3 * v + 0.2))
    assert scene.json["samplers"] == [{"wrapS": 33071, "wrapT": 33071}]


def test_one_picture_for_two_materials_is_there_once(tmp_path: Path) -> None:
    """Images are told apart by content."""
    picture(tmp_path / "c.png", (1, 2, 3))
    (tmp_path / "c2.png").write_bytes((tmp_path / "c.png").read_bytes())
    (tmp_path / "l.mtl").write_text("newmtl a\nmap_Kd c.png\nnewmtl b\nmap_Kd c2.png\n")
    scene = read(tmp_path / "a.obj", "mtllib l.mtl\n" + SQUARE + "usemtl a\nf 1 2 3\nusemtl b\nf 1 3 4\n")
    assert (len(scene.materials), len(scene.images), len(scene.json["textures"])) == (2, 1, 1)


def test_missing_files_are_warnings(tmp_path: Path) -> None:
    """The shape is still worth publishing; whoever reads the manifest learns what is missing."""
    scene = material(tmp_path, "Kd 1 0 0\nmap_Kd gone.png\nmap_Ke C:\\Users\\me\\glow.png\n")
    assert scene.materials[0].json["pbrMetallicRoughness"]["baseColorFactor"] == [1, 0, 0, 1]
    assert any("gone.png" in warning for warning in scene.warnings)
    assert any("glow.png" in warning for warning in scene.warnings)
    assert any("lost.mtl" in warning for warning in read(tmp_path / "b.obj", "mtllib lost.mtl\n" + UVED).warnings)


def test_an_authors_absolute_path_means_the_file_beside_the_source(tmp_path: Path) -> None:
    """Windows tools write them into every MTL."""
    picture(tmp_path / "oak.png", (1, 2, 3))
    scene = material(tmp_path, "map_Kd C:\\Users\\me\\textures\\oak.png\n")
    assert len(scene.images) == 1
    assert any("oak.png" in repair for repair in scene.repairs)


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "..\\secret.png", "http://example.com/a.png"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    """In `mtllib` as in `map_Kd`: what a source names would be published."""
    folder = tmp_path / "source"
    folder.mkdir()
    picture(tmp_path / "secret.png", (9, 9, 9))
    (tmp_path / "secret.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (folder / "l.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    with pytest.raises(SourceError, match=r"secret|example"):
        read(folder / "a.obj", "mtllib l.mtl\n" + UVED)
    with pytest.raises(SourceError, match=r"secret|example"):
        read(folder / "a.obj", f"mtllib {name.replace('png', 'mtl')}\n" + UVED)


def test_a_broken_picture_is_a_warning(tmp_path: Path) -> None:
    """Cut off, or no picture at all."""
    picture(tmp_path / "c.png", np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    whole = (tmp_path / "c.png").read_bytes()
    for data in (whole[: len(whole) // 2], b"%!PS-Adobe-3.0 EPSF-3.0\n", b""):
        (tmp_path / "c.png").write_bytes(data)
        scene = material(tmp_path, "map_Kd c.png\nmap_Bump c.png\nmap_Pr c.png\nmap_d c.png\n")
        assert scene.images == ()
        assert any("c.png" in warning for warning in scene.warnings)


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """Before a pixel of it is decoded."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "c.png").write_bytes(bomb + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    (tmp_path / "l.mtl").write_text("newmtl m\nmap_Kd c.png\n")
    (tmp_path / "a.obj").write_text("mtllib l.mtl\n" + UVED)
    tight = load_config().limits.model_copy(update={"image_pixels": 10_000 * 10_000})
    with pytest.raises(LimitExceeded, match="144,000,000 pixels, limit 100,000,000"):
        read_meshes(open_source(tmp_path / "a.obj", tight), tight)
