"""Textures: which image is used, what is judged from its headers, and what becomes of broken ones."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from assetpipe.asset import Json, Scene
from assetpipe.errors import ServiceUnavailable
from assetpipe.node import node_ready
from assetpipe.sources import specgloss
from assetpipe.sources.pixels import read_header
from assetpipe.sources.raster import decode_rgba
from tests.sources.build import LIMITS, Build, quad, read, refusal


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 4), colour: tuple[int, ...] = (200, 100, 50)) -> bytes:
    out = io.BytesIO()
    Pillow.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(out, kind)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
    body = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def textured(*images: bytes, texture: Json | None = None, **image: Any) -> Build:
    build = quad(textures=[texture or {"source": 0}])
    build.json["images"] = [{"bufferView": build.view(data), "mimeType": "image/png", **image} for data in images]
    build.json["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "baseColorFactor": [1, 0.5, 0, 1]}}
    ]
    return build


def repaired(scene: Scene, code: str) -> bool:
    return any(line.startswith(code) for line in scene.repairs)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_encoded_bytes_are_kept_and_their_kind_is_told_by_content(tmp_path: Path, kind: str) -> None:
    """A wrong mimeType is repaired; no copy is made."""
    data = picture(kind, (24, 16))
    scene = read(tmp_path, textured(data))
    assert isinstance(scene.images[0].data, memoryview)
    assert bytes(scene.images[0].data) == data
    assert scene.images[0].mime == f"image/{kind.lower()}"
    assert repaired(scene, "W_MIME") == (kind != "PNG")
    header = read_header(memoryview(data))
    assert (header.width, header.height) == (24, 16)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exact": True, "lossless": True}])
def test_the_size_of_every_webp_layout_is_read(options: dict[str, Any]) -> None:
    for mode in ("RGB", "RGBA"):
        out = io.BytesIO()
        Pillow.new(mode, (300, 17), (9, 9, 9, 100)[: len(mode)]).save(out, "WEBP", **options)
        header = read_header(memoryview(out.getvalue()))
        assert (header.width, header.height) == (300, 17)


def test_too_many_pixels_are_refused_before_any_decode(tmp_path: Path) -> None:
    error = refusal(tmp_path, textured(bomb(60_000, 60_000)))
    assert (error.code, error.exit_code) == ("E_LIMIT_PIXELS", 70)
    assert "60000 x 60000 = 3,600,000,000 pixels, limit 268,435,456" in error.message


def test_all_images_together_keep_the_limit(tmp_path: Path) -> None:
    build = textured(picture(), picture(colour=(1, 2, 3)))
    build.json["textures"].append({"source": 1})
    error = refusal(tmp_path, build, limits=LIMITS.model_copy(update={"total_image_pixels": 63}))
    assert error.code == "E_LIMIT_PIXELS"
    assert "64 pixels in all images, limit 63" in error.message


def flipped(data: bytes) -> bytes:
    at = data.index(b"IDAT") + 6
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        picture()[:-20],
        flipped(picture()),
        picture("JPEG")[:-40],
        picture("WEBP")[:-9],
        picture("AVIF")[:-9],
        bomb(0, 5),
        b"not a picture at all",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_a_broken_image_costs_its_texture_not_the_model(tmp_path: Path, data: bytes) -> None:
    """The factors stay; so do other textures, under their new numbers."""
    good = picture(colour=(1, 2, 3))
    build = textured(data, good)
    build.json["textures"].append({"source": 1})
    build.json["materials"][0]["normalTexture"] = {"index": 1, "scale": 0.5}
    scene = read(tmp_path, build)
    assert scene.materials[0].json["pbrMetallicRoughness"] == {"baseColorFactor": [1, 0.5, 0, 1]}
    assert scene.materials[0].json["normalTexture"] == {"index": 0, "scale": 0.5}
    assert scene.json["textures"] == [{"source": 0}]
    assert [bytes(image.data) for image in scene.images] == [good]
    assert repaired(scene, "W_MISSING_TEXTURE")


def test_a_jpeg_may_end_long_before_its_file_does(tmp_path: Path) -> None:
    """Phones append videos and maps; a thumbnail's end in the header is not the picture's."""
    data = picture("JPEG")
    assert read(tmp_path, textured(data + b"x" * 10_000)).images[0].mime == "image/jpeg"
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data
    cut = data[:2] + thumbnail + data[2:-10]
    assert repaired(read(tmp_path, textured(cut)), "W_MISSING_TEXTURE")


def test_a_damaged_comment_does_not_cost_a_png(tmp_path: Path) -> None:
    data = picture()
    comment = struct.pack(">I4s", 4, b"tEXt") + b"a\0bc" + b"\0\0\0\0"
    assert len(read(tmp_path, textured(data[:33] + comment + data[33:])).images) == 1


def test_a_missing_image_costs_its_texture_not_the_model(tmp_path: Path) -> None:
    build = textured(texture={"source": 0})
    build.json["images"] = [{"uri": "wood%20grain.png"}]
    scene = read(tmp_path, build)
    assert scene.images == ()
    assert any("wood%20grain.png" in line and "W_MISSING_TEXTURE" in line for line in scene.repairs)
    (tmp_path / "Wood grain.PNG").write_bytes(picture())
    found = read(tmp_path, build)
    assert bytes(found.images[0].data) == picture()
    assert found.images[0].uri == "wood%20grain.png"


def test_an_image_outside_of_the_folder_is_refused_not_repaired(tmp_path: Path) -> None:
    build = textured(texture={"source": 0})
    build.json["images"] = [{"uri": "../../etc/passwd"}]
    error = refusal(tmp_path, build)
    assert error.code == "E_URI_ESCAPE"
    assert "/images/0" in error.message


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP"])
def test_formats_that_a_person_can_convert_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    error = refusal(tmp_path, textured(picture(kind)))
    assert error.code == "E_IMAGE_FORMAT"
    assert kind in error.message


@pytest.mark.parametrize(("name", "kind"), [("EXT_texture_webp", "WEBP"), ("EXT_texture_avif", "AVIF")])
def test_the_modern_image_wins_over_its_fallback(tmp_path: Path, name: str, kind: str) -> None:
    """Unless it is broken. The extension is gone afterwards."""
    texture = {"source": 0, "extensions": {name: {"source": 1}}}
    for modern, expected in ((picture(kind), f"image/{kind.lower()}"), (b"broken", "image/png")):
        build = textured(picture(), modern, texture=texture)
        build.json |= {"extensionsUsed": [name], "extensionsRequired": [name]}
        scene = read(tmp_path, build)
        assert [image.mime for image in scene.images] == [expected]
        assert scene.json["textures"] == [{"source": 0}]
        assert "extensionsUsed" not in scene.json


def test_a_texture_of_dds_alone_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, textured(picture(), texture={"extensions": {"MSFT_texture_dds": {"source": 0}}}))
    assert error.code == "E_IMAGE_FORMAT"


def ktx2(pixels: np.ndarray[Any, Any]) -> bytes:
    """Plain RGBA, one level, as KTX 2.0 section 3 lays it out."""
    height, width, _ = pixels.shape
    start = 80 + 24
    head = b"\xabKTX 20\xbb\r\n\x1a\n" + struct.pack("<9I", 43, 1, width, height, 0, 0, 1, 1, 0)
    return head + b"\0" * 32 + struct.pack("<3Q", start, pixels.nbytes, pixels.nbytes) + pixels.tobytes()


def test_plain_ktx2_becomes_png(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 4)).astype(np.uint8)
    build = textured(ktx2(pixels), texture={"extensions": {"KHR_texture_basisu": {"source": 0}}})
    scene = read(tmp_path, build)
    assert scene.images[0].mime == "image/png"
    assert np.array_equal(decode_rgba(scene.images[0].data), pixels)


@pytest.mark.node
@pytest.mark.parametrize(("name", "most"), [("etc1s", 40), ("uastc", 3)])
def test_basis_universal_becomes_png(tmp_path: Path, name: str, most: int) -> None:
    """A gradient of 32 x 16, encoded once with ktx2-encoder 0.6.0; `most`: the largest error of a byte."""
    assert node_ready(), "needs node and the node packages: run `assetpipe doctor --fix`"
    data = (Path(__file__).parent / "data" / f"gradient.{name}.ktx2").read_bytes()
    build = textured(data, texture={"extensions": {"KHR_texture_basisu": {"source": 0}}})
    pixels = decode_rgba(read(tmp_path, build).images[0].data).astype(int)
    y, x = np.mgrid[:16, :32]
    expected = np.stack([x * 8, y * 16, np.full_like(x, 128), np.full_like(x, 255)], axis=-1)
    assert np.abs(pixels - expected).max() <= most


def test_basis_universal_without_node_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    data = (Path(__file__).parent / "data" / "gradient.uastc.ktx2").read_bytes()
    error = refusal(tmp_path, textured(data, texture={"extensions": {"KHR_texture_basisu": {"source": 0}}}))
    assert isinstance(error, ServiceUnavailable)
    assert (error.code, error.exit_code) == ("E_KTX2_NEEDS_NODE", 69)


def glossy(**extension: Any) -> Json:
    return {"extensions": {specgloss.EXTENSION: extension}}


def specular(build: Build, **extension: Any) -> Build:
    build.json["materials"] = [glossy(**extension)]
    build.json["extensionsUsed"] = [specgloss.EXTENSION]
    return build


def test_a_dielectric_stays_what_it_was(tmp_path: Path) -> None:
    """4 % specular is what metal-rough assumes: the diffuse colour passes, gloss turns into roughness."""
    build = specular(quad(), diffuseFactor=[0.5, 0.2, 0.1, 0.7], specularFactor=[0.04] * 3, glossinessFactor=0.75)
    scene = read(tmp_path, build)
    pbr = scene.materials[0].json["pbrMetallicRoughness"]
    assert np.allclose(pbr["baseColorFactor"], [0.5, 0.2, 0.1, 0.7], atol=1e-5)
    assert (pbr["metallicFactor"], pbr["roughnessFactor"]) == (0, 0.25)
    assert "extensionsUsed" not in scene.json
    assert "extensions" not in scene.materials[0].json
    assert repaired(scene, "W_SPECGLOSS")


def test_a_metal_takes_its_specular_colour(tmp_path: Path) -> None:
    scene = read(tmp_path, specular(quad(), diffuseFactor=[0, 0, 0, 1], specularFactor=[1.0, 0.77, 0.34]))
    pbr = scene.materials[0].json["pbrMetallicRoughness"]
    assert pbr["metallicFactor"] == pytest.approx(1, abs=0.01)
    assert np.allclose(pbr["baseColorFactor"][:3], [1, 0.77, 0.34], atol=0.02)


def test_a_spec_gloss_texture_is_converted_pixel_by_pixel(tmp_path: Path) -> None:
    """Left half plastic, right half gold; textureInfo and sampler are those of the source."""
    gloss = Pillow.new("RGBA", (8, 4), (56, 56, 56, 51))
    gloss.paste((255, 226, 155, 204), (4, 0, 8, 4))
    diffuse = Pillow.new("RGB", (4, 2), (180, 90, 30))
    diffuse.paste((0, 0, 0), (2, 0, 4, 2))
    encoded = []
    for image in (diffuse, gloss):
        out = io.BytesIO()
        image.save(out, "PNG")
        encoded.append(out.getvalue())
    build = textured(*encoded)
    build.json["samplers"] = [{"wrapS": 33071}]
    build.json["textures"] = [{"source": 0, "sampler": 0}, {"source": 1, "sampler": 0}]
    infos = {"diffuseTexture": {"index": 0, "texCoord": 1}, "specularGlossinessTexture": {"index": 1, "texCoord": 1}}
    scene = read(tmp_path, specular(build, **infos))
    pbr = scene.materials[0].json["pbrMetallicRoughness"]
    colour, surface = pbr["baseColorTexture"], pbr["metallicRoughnessTexture"]
    assert (colour["texCoord"], surface["texCoord"]) == (1, 1)
    assert scene.json["textures"][colour["index"]]["sampler"] == 0
    pixels = decode_rgba(scene.images[scene.json["textures"][colour["index"]]["source"]].data)
    rough = decode_rgba(scene.images[scene.json["textures"][surface["index"]]["source"]].data)
    assert pixels.shape == (4, 8, 4)
    assert np.abs(pixels[0, 0, :3].astype(int) - (180, 90, 30)).max() <= 4
    assert np.abs(pixels[0, 7, :3].astype(int) - (255, 226, 155)).max() <= 8
    assert (rough[0, 0, 1], rough[0, 7, 1]) == (204, 51)
    assert rough[0, 0, 2] < 12
    assert rough[0, 7, 2] > 245
