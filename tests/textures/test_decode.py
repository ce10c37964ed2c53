"""Every kind of picture that a source may hold, read exactly."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import PIL.Image
import pytest

from assetpipe.asset import Image
from assetpipe.errors import SourceError
from assetpipe.textures import TextureCache, encode_textures, image_info
from assetpipe.textures.decode import decode
from tests.textures.pictures import cloth, material, picture, pixels, png, psnr, scene, target


def test_16_bits_are_scaled_and_rounded_not_cut() -> None:
    """x / 257: 128 + 129 * 257 is nearer to 130 than its high byte says."""
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    out = encode_textures(scene(material(occlusion=0), images=[png(ramp)]), target(), TextureCache()).images[0]
    expected = np.round(ramp / 257).astype(np.uint8)
    np.testing.assert_array_equal(pixels(out)[..., 0], expected)


def test_16_bits_are_averaged_before_they_are_rounded() -> None:
    pair = np.full((8, 8), 257 * 10 + 100, np.uint16)
    pair[:, ::2] = 257 * 10 + 200
    pair[0, 0] += 2
    out = encode_textures(scene(material(occlusion=0), images=[png(pair)]), target(px=4), TextureCache()).images[0]
    assert set(np.unique(pixels(out))) <= {10, 11}
    assert pixels(out)[-1, -1, 0] == 11  # 2720 / 257 = 10.58


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1"])
def test_every_kind_of_png_is_the_same_picture(mode: str) -> None:
    source = PIL.Image.fromarray(cloth(32, 4 if mode.endswith("A") else 3)).convert(mode)
    expected = np.asarray(source.convert("RGBA" if mode in ("LA", "RGBA") else "RGB"))
    np.testing.assert_array_equal(pixels(picture(source, "PNG")), expected)


def test_a_palette_with_a_transparent_entry_has_alpha() -> None:
    source = PIL.Image.fromarray(cloth(32)).quantize(8)
    read = pixels(picture(source, "PNG", transparency=3))
    np.testing.assert_array_equal(read[..., 3] == 0, np.asarray(source) == 3)


def test_cmyk_jpeg_becomes_rgb_as_browsers_show_it() -> None:
    ink = PIL.Image.fromarray(cloth(64, 4)).convert("RGB").convert("CMYK")
    read = pixels(picture(ink, "JPEG", quality=100, subsampling=0))
    assert read.shape == (64, 64, 3)
    assert psnr(read, np.asarray(ink.convert("RGB"))) > 40


def test_orientation_profile_and_gamma_are_ignored() -> None:
    """glTF forbids all three: the texels are what they are."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    tall = PIL.Image.fromarray(cloth(32)[:16])
    read = pixels(picture(tall, "PNG", exif=exif, icc_profile=b"x" * 200, pnginfo=_gamma()))
    np.testing.assert_array_equal(read, cloth(32)[:16])


def test_an_animation_gives_its_first_frame() -> None:
    first, second = PIL.Image.fromarray(cloth(16)), PIL.Image.fromarray(cloth(16, seed=3)[::-1])
    moving = picture(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    np.testing.assert_array_equal(pixels(moving), cloth(16))
    out = encode_textures(scene(material(baseColor=0), images=[moving]), target(format="webp"), TextureCache())
    assert b"ANMF" not in bytes(out.images[0].data)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP"])
def test_avif_and_webp_are_read(kind: str) -> None:
    image = picture(
        PIL.Image.fromarray(cloth(64)), kind, quality=95, **({"subsampling": "4:4:4"} if kind == "AVIF" else {})
    )
    assert psnr(pixels(image), cloth(64)) > 30
    assert image_info(image).mime == f"image/{kind.lower()}"


@pytest.mark.parametrize("kind", ["BMP", "TGA", "TIFF"])
def test_what_obj_materials_still_name_is_read(kind: str) -> None:
    image = picture(PIL.Image.fromarray(cloth(32)), kind)
    np.testing.assert_array_equal(pixels(image), cloth(32))
    assert (image_info(image).width, image_info(image).height) == (32, 32)


def test_the_data_says_what_an_image_is_not_its_label() -> None:
    mislabelled = Image(picture(PIL.Image.fromarray(cloth(16)), "JPEG").data, "image/png")
    assert image_info(mislabelled).mime == "image/jpeg"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_cut_short_data_is_an_error_of_the_source(kind: str) -> None:
    whole = picture(PIL.Image.fromarray(cloth(64)), kind).data
    source = scene(material(baseColor=0), images=[Image(whole[: len(whole) * 2 // 3], "", {"name": "oak"})])
    with pytest.raises(SourceError, match=r"^images/0 \(oak\): ") as caught:
        encode_textures(source, target(format="webp"), TextureCache())
    assert caught.value.code == "E_IMAGE"
    assert caught.value.hint


@pytest.mark.parametrize(
    "junk", [b"", b"x", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"%!PS-Adobe-3.0 EPSF", b"<svg/>"]
)
def test_what_is_no_picture_is_an_error_of_the_source(junk: bytes) -> None:
    for ask in (lambda: decode(junk, "images/0"), lambda: image_info(Image(junk, "image/png"))):
        with pytest.raises(SourceError):
            ask()


def test_a_png_with_a_wrong_checksum_is_an_error() -> None:
    data = bytearray(picture(PIL.Image.fromarray(cloth(64)), "PNG").data)
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(SourceError):
        decode(bytes(data), "images/0")


def test_damaged_data_is_a_picture_or_an_error_of_the_source() -> None:
    """Random bytes changed in every format: never a traceback of a decoder."""
    random = np.random.default_rng(11)
    for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TGA", "BMP", "TIFF"):
        whole = np.frombuffer(picture(PIL.Image.fromarray(cloth(24)), kind).data, np.uint8)
        for _ in range(12):
            data = whole.copy()
            data[random.integers(0, len(data), 4)] = random.integers(0, 256, 4)
            with suppress(SourceError):
                encode_textures(
                    scene(material(normal=0), images=[Image(data.tobytes(), "")]), target(px=8), TextureCache()
                )


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (3, 129)])
@pytest.mark.parametrize("kind", ["webp", "jpeg", "png"])
def test_the_oddest_sizes_go_through(size: tuple[int, int], kind: str) -> None:
    leaf = np.zeros((size[1], size[0], 4), np.uint8)
    leaf[-1, -1] = 255
    source = scene(material({"alphaMode": "MASK"}, baseColor=0), images=[png(leaf)])
    for px in (1, 2, 100):
        info = image_info(encode_textures(source, target(format=kind, px=px), TextureCache()).images[0])
        assert info.width <= min(size[0], px)
        assert info.height <= min(size[1], px)


def test_a_view_of_a_larger_file_is_read_without_a_copy_first() -> None:
    data = picture(PIL.Image.fromarray(cloth(16)), "PNG").data
    np.testing.assert_array_equal(decode(memoryview(b"junk" + data)[4:], "images/0").array, cloth(16))


def _gamma() -> object:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100000))
    return info


def test_the_gamma_helper_writes_a_whole_chunk() -> None:
    data = picture(PIL.Image.fromarray(cloth(8)), "PNG", pnginfo=_gamma()).data
    at = data.index(b"gAMA")
    assert struct.unpack(">I", data[at + 8 : at + 12])[0] == zlib.crc32(data[at : at + 8])
    assert PIL.Image.open(io.BytesIO(data)).info["gamma"] == 1.0
