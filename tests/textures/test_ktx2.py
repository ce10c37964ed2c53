"""KTX2: compressed on the GPU too."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import assetpipe
from assetpipe.asset import Image
from assetpipe.errors import ServiceUnavailable, SourceError
from assetpipe.log import Event
from assetpipe.node import node_ready
from assetpipe.textures import TextureCache, encode_textures, image_info, require_encoder
from assetpipe.textures.ktx2 import ETC1S, LINEAR, MAGIC, SRGB, UASTC, read_header
from tests.atlas.looks import quad, square
from tests.atlas.looks import scene as shown
from tests.atlas.merging import painted
from tests.atlas.test_variants_shown import written
from tests.textures.pictures import bumps, cloth, material, picture, pixels, png, psnr, scene, target


@pytest.fixture(scope="module")
def maps() -> tuple[Image, ...]:
    """Base colour with coverage, normal and packed map of 64² at the default qualities."""
    assert node_ready(), "needs node and the node packages: run `assetpipe doctor --fix`"
    textured = material({"alphaMode": "BLEND"}, baseColor=0, normal=1, metallicRoughness=2, occlusion=2)
    images = [png(leaf()), png(bumps(64)), png(cloth(64, seed=2))]
    return encode_textures(scene(textured, images=images), target(format="ktx2"), TextureCache()).images


def leaf() -> np.ndarray:
    """One hue, as ETC1S expects within a block; opaque to the right."""
    shade = cloth(64, 1).astype(float) * [1.0, 0.8, 0.6]
    return np.dstack([shade, np.tile(np.linspace(0, 255, 64), (64, 1))]).round().astype(np.uint8)


@pytest.mark.node
def test_the_header_says_how_to_read_the_texels(maps: tuple[Image, ...]) -> None:
    """sRGB for colour and linear for the rest, every mip level down to one texel, BasisLZ or Zstandard."""
    colour, normal, packed = (read_header(image.data, "") for image in maps)
    assert all(bytes(image.data[:12]) == MAGIC and image.mime == "image/ktx2" for image in maps)
    assert (colour.colour_model, colour.transfer, colour.supercompression, colour.channels) == (ETC1S, SRGB, 1, 4)
    assert (normal.colour_model, normal.transfer, normal.supercompression, normal.channels) == (UASTC, LINEAR, 2, 3)
    assert (packed.colour_model, packed.transfer) == (UASTC, LINEAR)
    assert {(header.width, header.height, header.levels) for header in (colour, normal, packed)} == {(64, 64, 7)}


@pytest.mark.node
def test_the_picture_survives(maps: tuple[Image, ...]) -> None:
    """As another decoder reads it (three.js's transcoder): quality in dB for these small and busy maps."""
    assert psnr(pixels(maps[0])[:, 16:, :3], leaf()[:, 16:, :3]) > 28
    assert psnr(pixels(maps[0])[..., 3], leaf()[..., 3]) > 35
    assert psnr(pixels(maps[1]), bumps(64)) > 38
    assert psnr(pixels(maps[2]), cloth(64, seed=2)) > 29


@pytest.mark.node
def test_the_bytes_are_the_same_again(maps: tuple[Image, ...]) -> None:
    source = scene(material(normal=0), images=[png(bumps(64))])
    assert encode_textures(source, target(format="ktx2"), TextureCache()).images[0].data == maps[1].data


@pytest.mark.node
def test_a_ktx2_source_of_the_right_size_stays(maps: tuple[Image, ...]) -> None:
    source = scene(material(normal=0), images=[maps[1]])
    assert encode_textures(source, target(format="ktx2"), TextureCache()).images[0].data == maps[1].data


@pytest.mark.node
def test_a_ktx2_source_can_become_another_format(maps: tuple[Image, ...]) -> None:
    source = scene(material(normal=0), images=[maps[1]])
    small = encode_textures(source, target(format="png", px=32), TextureCache()).images[0]
    assert small.mime == "image/png"
    assert pixels(small).shape == (32, 32, 3)


@pytest.mark.node
def test_low_quality_of_data_takes_the_small_codec(maps: tuple[Image, ...]) -> None:
    source = scene(material(occlusion=0, metallicRoughness=0), images=[png(cloth(64, seed=2))])
    low = encode_textures(source, target(format="ktx2", data_quality=60), TextureCache()).images[0]
    assert (read_header(low.data, "").colour_model, read_header(low.data, "").transfer) == (ETC1S, LINEAR)
    assert len(low.data) < len(maps[2].data)


def test_gpu_memory_counts_mip_levels_and_what_stays_compressed() -> None:
    """4 bytes per texel for what is decoded, 1 for UASTC, 1/2 for opaque ETC1S, a third more for mip levels."""
    assert image_info(png(cloth(64))).gpu_bytes == 64 * 64 * 4 * 4 // 3
    assert image_info(Image(ktx2_header(UASTC, [0]), "image/ktx2")).gpu_bytes == 1024 * 512 * 4 // 3
    assert image_info(Image(ktx2_header(ETC1S, [0]), "image/ktx2")).gpu_bytes == 1024 * 512 // 2 * 4 // 3
    assert image_info(Image(ktx2_header(ETC1S, [0, 15]), "image/ktx2")).gpu_bytes == 1024 * 512 * 4 // 3
    assert image_info(Image(ktx2_header(UASTC, [3]), "image/ktx2")).channels == 4


def test_image_info_is_what_the_header_says() -> None:
    jpeg = picture(PIL.Image.fromarray(cloth(64)[:40]), "JPEG")
    info = image_info(jpeg)
    assert (info.width, info.height, info.channels, info.mime, info.bytes) == (64, 40, 3, "image/jpeg", len(jpeg.data))
    assert image_info(png(cloth(8, 4))).channels == 4


@pytest.mark.parametrize("length", [12, 40, 80, 110])
def test_a_ktx2_header_cut_short_is_an_error_of_the_source(length: int) -> None:
    with pytest.raises(SourceError, match="KTX2 header"):
        image_info(Image(ktx2_header(UASTC, [0])[:length], "image/ktx2"))


def ktx2_header(model: int, channels: list[int]) -> bytes:
    """A 1024 x 512 texture with 11 levels, without its texels."""
    start, length = 104, 28 + 16 * len(channels)
    head = MAGIC + struct.pack("<9I2I", 0, 1, 1024, 512, 0, 0, 1, 11, 1, start, length) + bytes(24)
    head = head.ljust(start, b"\0")
    descriptor = struct.pack("<3I4B8x4x", length, 0, 2 | (length - 4) << 16, model, 1, SRGB, 0)
    samples = b"".join(struct.pack("<HBB12x", 0, 63, channel) for channel in channels)
    return head + descriptor + samples


@pytest.mark.parametrize(("path", "lacks"), [("", "node 18 or newer is not on PATH"), (None, "packages are not")])
def test_a_build_without_its_encoder_says_so_before_any_work(
    path: str | None, lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 69, what KTX2 needs, the cure and the way round it, and not a triangle prepared."""
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path / "cache"))
    if path is not None:
        monkeypatch.setenv("PATH", path)
    (tmp_path / "shop.toml").write_text('[textures]\nformat = "ktx2"\n', encoding="utf-8")
    source = written(shown([quad(square(0, 0, 1, 1), 0)], [painted(0)], [png(cloth(64))]), tmp_path / "quad.glb", [])
    steps: list[Event] = []
    with pytest.raises(ServiceUnavailable, match="KTX2 textures are written through node") as caught:
        assetpipe.build(source, out=tmp_path, config=tmp_path / "shop.toml", report=steps.append)
    assert caught.value.exit_code == 69
    assert lacks in caught.value.message
    assert "assetpipe doctor --fix" in (caught.value.hint or "")
    assert 'format = "webp"' in (caught.value.hint or "")
    assert not any("preparing" in step.message for step in steps)


def test_other_formats_need_no_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only who asks for KTX2 needs node."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for kind in ("webp", "jpeg", "png"):
        require_encoder(kind)
    with pytest.raises(ServiceUnavailable):
        require_encoder("ktx2")
