"""Encoding the images of a level: what stays, what is shared, and that the same bytes come out every time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import PIL.Image
import pytest

from assetpipe.asset import Image, Scene
from assetpipe.textures import TextureCache, encode_textures, image_info
from assetpipe.textures.strip import strip_metadata
from tests.textures.pictures import bumps, cloth, material, picture, pixels, png, psnr, scene, target

ROOT = Path(__file__).parents[2]


def chair() -> Scene:
    """Three maps of 64², as a product has them."""
    textures = material({"alphaMode": "MASK"}, baseColor=0, normal=1, metallicRoughness=2, occlusion=2)
    return scene(textures, images=[png(cloth(64, 4)), png(bumps(64)), png(cloth(64, seed=2))])


def encoded(source: Scene, cache: TextureCache, px: int, threads: int = 2) -> list[bytes]:
    changes = {"format": "webp", "px": px}
    return [bytes(image.data) for image in encode_textures(source, target(**changes), cache, threads=threads).images]


def digest_of_all_levels() -> str:
    """Also run by another process below."""
    cache, hasher = TextureCache(), hashlib.sha256()
    for px in (64, 32, 8):
        for kind in ("webp", "jpeg", "png"):
            for image in encode_textures(chair(), target(format=kind, px=px), cache).images:
                hasher.update(image.data)
    return hasher.hexdigest()


def test_the_bytes_do_not_depend_on_the_order_of_levels_or_on_the_cache() -> None:
    down, up, none = TextureCache(), TextureCache(), TextureCache(budget=0)
    fine_to_coarse = {px: encoded(chair(), down, px) for px in (64, 32, 8)}
    coarse_to_fine = {px: encoded(chair(), up, px) for px in (8, 32, 64)}
    uncached = {px: encoded(chair(), none, px) for px in (64, 32, 8)}
    assert fine_to_coarse == coarse_to_fine == uncached


def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    assert encoded(chair(), TextureCache(), 32, threads=1) == encoded(chair(), TextureCache(), 32, threads=3)


def test_another_process_elsewhere_writes_the_same_bytes(tmp_path: Path) -> None:
    """With another working folder, locale, hash seed and number of libvips' own threads."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("COV")},
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "77",
        "LC_ALL": "C",
        "VIPS_CONCURRENCY": "1",
    }
    script = "from tests.textures.test_stage import digest_of_all_levels as digest; print(digest())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest_of_all_levels()


def test_nothing_is_made_twice() -> None:
    """The second call for a level is answered from the cache alone."""
    source, cache = chair(), TextureCache()
    encoded(source, cache, 32)
    held = dict(cache._values)
    encoded(source, cache, 32)
    assert all(cache._values[key] is value for key, value in held.items())
    assert len(cache._values) == len(held)


def test_threads_that_ask_for_the_same_share_one_making() -> None:
    """Levels are encoded at the same time, from the same maps."""
    cache, made, started = TextureCache(), [], Event()

    def make() -> bytes:
        made.append(started.wait(0.2))  # time for the other to ask
        return b"made"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: cache.fetch("key", make), range(2))) == [b"made"] * 2
    assert len(made) == 1


def test_the_cache_keeps_within_its_budget() -> None:
    cache = TextureCache(budget=20_000)
    encoded(chair(), cache, 32)
    assert 0 < cache._bytes <= 20_000


def test_an_image_that_two_materials_share_stays_one_image() -> None:
    source = scene(material(baseColor=0), material(baseColor=0), images=[png(cloth(64))])
    out = encode_textures(source, target(format="webp"), TextureCache())
    assert len(out.images) == 1
    assert out.images[0].mime == "image/webp"
    assert out.images[0].json == {"name": "wood"}


def test_the_source_is_not_changed() -> None:
    source = chair()
    before = [image.data for image in source.images]
    encode_textures(source, target(format="webp", px=32), TextureCache())
    assert [image.data for image in source.images] == before
    assert [image.mime for image in source.images] == ["image/png"] * 3


@pytest.mark.parametrize("kind", ["webp", "jpeg"])
def test_a_small_source_in_the_right_format_stays_byte_for_byte(kind: str) -> None:
    """Encoding it again would lose quality and save nothing."""
    lossy = picture(PIL.Image.fromarray(cloth(64)), kind.upper(), quality=40)
    out = encode_textures(scene(material(baseColor=0), images=[lossy]), target(format=kind), TextureCache())
    assert out.images[0].data == lossy.data


def test_a_large_source_in_the_right_format_is_encoded_again() -> None:
    heavy = picture(PIL.Image.fromarray(cloth(64)), "WEBP", quality=100)
    out = encode_textures(scene(material(baseColor=0), images=[heavy]), target(format="webp"), TextureCache())
    assert len(out.images[0].data) < len(heavy.data)


@pytest.mark.parametrize("kind", ["WEBP", "JPEG", "PNG"])
def test_a_source_that_stays_loses_its_metadata_and_nothing_else(kind: str) -> None:
    """A viewer would turn it by its EXIF orientation and colour it by its profile, which glTF forbids."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    plain = picture(PIL.Image.fromarray(cloth(64)), kind, quality=40)
    dressed = picture(PIL.Image.fromarray(cloth(64)), kind, quality=40, exif=exif, icc_profile=b"profile" * 40)
    stripped = strip_metadata(dressed.data, dressed.mime)
    assert stripped is not None
    assert b"profile" not in stripped
    assert len(stripped) <= len(plain.data) + 18  # a WebP keeps its extended header
    again = PIL.Image.open(__import__("io").BytesIO(stripped))
    assert not again.getexif()
    np.testing.assert_array_equal(pixels(Image(stripped, plain.mime)), pixels(plain))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\x00\x00\x00\x02"]
)
def test_what_cannot_be_stripped_is_not_kept(data: bytes) -> None:
    for mime in ("image/png", "image/jpeg", "image/webp", "image/avif"):
        stripped = strip_metadata(data, mime)
        assert stripped is None or len(stripped) <= max(12, len(data))


def test_jpeg_is_for_opaque_images_and_png_for_the_others() -> None:
    leaf = material({"alphaMode": "BLEND"}, baseColor=0, emissive=1)
    source = scene(leaf, images=[png(cloth(64, 4)), png(cloth(64))])
    out = encode_textures(source, target(format="jpeg"), TextureCache()).images
    assert [image.mime for image in out] == ["image/png", "image/jpeg"]
    assert [image_info(image).mime for image in out] == ["image/png", "image/jpeg"]


@pytest.mark.parametrize(("kind", "least"), [("webp", 34), ("jpeg", 34), ("png", 90)])
def test_colour_keeps_its_quality(kind: str, least: float) -> None:
    out = encode_textures(scene(material(baseColor=0), images=[png(cloth(256))]), target(format=kind), TextureCache())
    assert psnr(pixels(out.images[0]), cloth(256)) > least


@pytest.mark.parametrize(("kind", "most"), [("webp", 1.0), ("jpeg", 1.0), ("png", 0.1)])
def test_normals_keep_their_direction(kind: str, most: float) -> None:
    """Mean angle in degrees, at the default quality."""
    out = encode_textures(scene(material(normal=0), images=[png(bumps(256))]), target(format=kind), TextureCache())
    a, b = (array / 127.5 - 1 for array in (pixels(out.images[0]), bumps(256)))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).mean() < most


def test_quality_100_of_webp_is_lossless() -> None:
    out = encode_textures(
        scene(material(normal=0), images=[png(bumps(64))]), target(format="webp", normal_quality=100), TextureCache()
    )
    np.testing.assert_array_equal(pixels(out.images[0]), bumps(64))


def test_alpha_is_exact_where_a_material_tests_it() -> None:
    out = encode_textures(chair(), target(format="webp", colour_quality=50), TextureCache())
    np.testing.assert_array_equal(pixels(out.images[0])[..., 3], cloth(64, 4)[..., 3])


@pytest.mark.parametrize(("noise", "most"), [(20, 16), (0, 256)])
def test_coverage_is_rounded_where_that_cannot_be_seen(noise: int, most: int) -> None:
    """To sixteen values in noise, which then takes half the bytes; a gradient keeps all that it has."""
    veil = cloth(256, 4)
    veil[..., 3] = np.tile(np.linspace(20, 235, 256), (256, 1))
    veil[..., 3] += np.random.default_rng(3).integers(0, noise + 1, (256, 256)).astype(np.uint8)
    source = scene(material({"alphaMode": "BLEND"}, baseColor=0), images=[png(veil)])
    alpha = pixels(encode_textures(source, target(format="webp"), TextureCache()).images[0])[..., 3]
    assert len(np.unique(alpha)) <= most
    assert np.abs(alpha.astype(int) - veil[..., 3]).mean() < (4 if noise else 0.1)


def test_each_kind_of_map_has_a_quality_of_its_own() -> None:
    """Colour, normals and data are each encoded as their own setting says."""
    textured = material(baseColor=0, normal=1, metallicRoughness=2)
    source = scene(textured, images=[png(cloth(128)), png(bumps(128)), png(cloth(128, seed=2))])

    def sizes(**qualities: int) -> list[int]:
        made = encode_textures(source, target(format="webp", **qualities), TextureCache())
        return [len(image.data) for image in made.images]

    usual = sizes()
    for at, name in enumerate(("colour_quality", "normal_quality", "data_quality")):
        changed = sizes(**{name: 40})
        assert [new < old for new, old in zip(changed, usual, strict=True)] == [place == at for place in range(3)]


def test_hidden_colour_survives_the_encoder() -> None:
    """libwebp blackens what is transparent unless told not to."""
    leaf = np.zeros((64, 64, 4), np.uint8)
    leaf[:, :20] = [200, 10, 10, 255]
    source = scene(material({"alphaMode": "BLEND"}, baseColor=0), images=[png(leaf)])
    out = encode_textures(source, target(format="webp"), TextureCache())
    assert (np.abs(pixels(out.images[0])[..., :3].astype(int) - [200, 10, 10]) <= 6).all()


@pytest.mark.parametrize("kind", ["webp", "jpeg", "png"])
def test_a_palette_keeps_its_colours(kind: str) -> None:
    """Each part shows one texel of it, which would be another colour if it were mixed with its neighbours."""
    colours = np.random.default_rng(3).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    source = scene(material(baseColor=0), images=[png(colours)])
    made = encode_textures(source, target(format=kind, colour_quality=50), TextureCache()).images[0]
    np.testing.assert_array_equal(pixels(made), colours)
    assert len(made.data) < 400
