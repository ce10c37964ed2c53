"""KHR_materials_pbrSpecularGlossiness (archived) -> metallic-roughness, pixel by pixel where there are textures.

The conversion that Khronos published beside the extension: metalness is solved for so that both models reflect equally
much head-on, with 4 % for dielectrics. A dielectric of another reflectance comes out slightly metallic or matt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array, Image, Json
from assetpipe.sources.notes import Notes
from assetpipe.sources.raster import UndecodableError, decode_rgba, encode_png

EXTENSION = "KHR_materials_pbrSpecularGlossiness"
DIELECTRIC = 0.04
STRIP = 1 << 20
"""Pixels converted at a time: 60 MB of float32 instead of gigabytes."""


@dataclass(frozen=True)
class Library:
    """The pictures of a scene, to which converted ones are added."""

    images: tuple[Image, ...]
    textures: tuple[Json, ...]

    def add(self, data: bytes, name: str, like: Json) -> Library:
        """A new PNG, sampled as the texture `like`."""
        texture = {"source": len(self.images), **{key: like[key] for key in ("sampler",) if key in like}}
        image = Image(data, "image/png", {"name": name})
        return Library((*self.images, image), (*self.textures, texture))


@dataclass(frozen=True)
class Inputs:
    """Linear factors, and the pixels that multiply them: (h, w, 4) uint8, or None."""

    diffuse: Array
    specular: Array
    glossiness: float
    diffuse_pixels: Array | None
    specular_pixels: Array | None


def convert_materials(materials: Sequence[Json], library: Library, notes: Notes) -> tuple[tuple[Json, ...], Library]:
    converted = []
    for number, material in enumerate(materials):
        changed, library = _convert(material, library, (notes, f"/materials/{number}"))
        converted.append(changed)
    return tuple(converted), library


def _convert(material: Json, library: Library, said: tuple[Notes, str]) -> tuple[Json, Library]:
    extensions = material.get("extensions", {})
    if EXTENSION not in extensions:
        return material, library
    notes, place = said
    old: Json = extensions[EXTENSION]
    notes.repair("W_SPECGLOSS", f"{place}: specular-glossiness turned into metallic-roughness, close but not equal")
    inputs, mapped = _inputs(old, library, said)
    rest = {key: value for key, value in extensions.items() if key != EXTENSION}
    plain = {key: value for key, value in material.items() if key not in ("extensions", "pbrMetallicRoughness")}
    kept = {**plain, "extensions": rest} if rest else plain
    if inputs.specular_pixels is None and (inputs.diffuse_pixels is None or inputs.specular.max() <= DIELECTRIC):
        return {**kept, "pbrMetallicRoughness": _factors(inputs, mapped)}, library
    colours, surfaces = _convert_pixels(inputs)
    name = material.get("name", "material")
    like = library.textures[mapped["index"]]
    library = library.add(
        encode_png(colours if (colours[:, :, 3] < 255).any() else colours[:, :, :3]), f"{name} baseColor", like
    )
    library = library.add(encode_png(surfaces), f"{name} metallicRoughness", like)
    first = len(library.textures) - 2
    pbr = {
        "baseColorTexture": {**mapped, "index": first},
        "metallicRoughnessTexture": {**mapped, "index": first + 1},
    }
    return {**kept, "pbrMetallicRoughness": pbr}, library


def _inputs(old: Json, library: Library, said: tuple[Notes, str]) -> tuple[Inputs, Json]:
    """And the textureInfo that the results are to be mapped by."""
    inputs = Inputs(
        np.array(old.get("diffuseFactor", [1, 1, 1, 1]), np.float32),
        np.array(old.get("specularFactor", [1, 1, 1]), np.float32),
        float(old.get("glossinessFactor", 1)),
        None,
        None,
    )
    diffuse, specular = old.get("diffuseTexture"), old.get("specularGlossinessTexture")
    first, second = _pixels(diffuse, library, said), _pixels(specular, library, said)
    if first is not None and second is not None and not _mapped_alike(diffuse, specular, library):
        said[0].repair("W_SPECGLOSS", f"{said[1]}: its two textures are mapped differently; the second is averaged")
        inputs, second = _averaged(inputs, second), None
    if first is not None and second is not None and first.shape != second.shape:
        first, second = _same_size(first, second)
    mapped = diffuse if first is not None else specular
    return replace(inputs, diffuse_pixels=first, specular_pixels=second), mapped or {}


def _pixels(info: Json | None, library: Library, said: tuple[Notes, str]) -> Array | None:
    if info is None:
        return None
    image = library.images[library.textures[info["index"]]["source"]]
    try:
        return decode_rgba(image.data)
    except UndecodableError as error:
        said[0].repair("W_MISSING_TEXTURE", f"{said[1]}: {image.name or 'an image'} cannot be decoded: {error}")
        return None


def _mapped_alike(one: Json | None, other: Json | None, library: Library) -> bool:
    infos = [
        (info.get("texCoord", 0), info.get("extensions"), library.textures[info["index"]].get("sampler"))
        for info in (one, other)
        if info is not None
    ]
    return infos[0] == infos[-1]


def _same_size(one: Array, other: Array) -> tuple[Array, Array]:
    """Both at the size of the larger."""
    height, width = max(one.shape[0], other.shape[0]), max(one.shape[1], other.shape[1])
    return tuple(  # type: ignore[return-value]
        pixels if pixels.shape[:2] == (height, width) else decode_rgba(encode_png(pixels), (width, height))
        for pixels in (one, other)
    )


def _averaged(inputs: Inputs, pixels: Array) -> Inputs:
    flat = pixels.reshape(-1, 4)
    specular = np.array([to_linear(np.arange(256, dtype=np.uint8))[flat[:, i]].mean() for i in range(3)], np.float32)
    return replace(
        inputs, specular=inputs.specular * specular, glossiness=inputs.glossiness * float(flat[:, 3].mean() / 255)
    )


def _factors(inputs: Inputs, mapped: Json) -> Json:
    """No picture has to change: a constant specular colour, over a diffuse texture at most."""
    colour, metal = metal_rough(inputs.diffuse[None, :3], inputs.specular[None, :])
    found: Json = {
        "baseColorFactor": [*(round(float(value), 6) for value in colour[0]), float(inputs.diffuse[3])],
        "metallicFactor": round(float(metal[0]), 6),
        "roughnessFactor": round(1 - inputs.glossiness, 6),
    }
    if inputs.diffuse_pixels is not None:
        found["baseColorTexture"] = mapped
    return found


def _convert_pixels(inputs: Inputs) -> tuple[Array, Array]:
    """Base colour (h, w, 4) sRGB with alpha; metallic-roughness (h, w, 3), roughness in G and metalness in B."""
    shaped = inputs.diffuse_pixels if inputs.diffuse_pixels is not None else inputs.specular_pixels
    assert shaped is not None
    height, width = shaped.shape[:2]
    colours, surfaces = np.empty((height, width, 4), np.uint8), np.full((height, width, 3), 255, np.uint8)
    rows = max(1, STRIP // width)
    for start in range(0, height, rows):
        strip = slice(start, start + rows)
        diffuse, specular, gloss = _linear_strip(inputs, strip, colours[strip].shape[:2])
        base, metal = metal_rough(diffuse[:, :3], specular)
        colours[strip, :, :3] = to_srgb(base).reshape(colours[strip, :, :3].shape)
        colours[strip, :, 3] = _to_byte(diffuse[:, 3]).reshape(colours[strip, :, 3].shape)
        surfaces[strip, :, 1] = _to_byte(1 - gloss).reshape(surfaces[strip, :, 1].shape)
        surfaces[strip, :, 2] = _to_byte(metal).reshape(surfaces[strip, :, 2].shape)
    return colours, surfaces


def _linear_strip(inputs: Inputs, strip: slice, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Diffuse (n, 4), specular (n, 3), glossiness (n,), all linear float32."""
    count, table = shape[0] * shape[1], to_linear(np.arange(256, dtype=np.uint8))
    diffuse = np.broadcast_to(inputs.diffuse, (count, 4))
    if inputs.diffuse_pixels is not None:
        pixels = inputs.diffuse_pixels[strip].reshape(-1, 4)
        alpha = pixels[:, 3:].astype(np.float32) / np.float32(255)
        diffuse = np.concatenate([table[pixels[:, :3]], alpha], axis=1) * inputs.diffuse
    if inputs.specular_pixels is None:
        return diffuse, np.broadcast_to(inputs.specular, (count, 3)), np.full(count, inputs.glossiness, np.float32)
    pixels = inputs.specular_pixels[strip].reshape(-1, 4)
    gloss = pixels[:, 3].astype(np.float32) * np.float32(inputs.glossiness / 255)
    return diffuse, table[pixels[:, :3]] * inputs.specular, gloss


def metal_rough(diffuse: Array, specular: Array) -> tuple[Array, Array]:
    """(n, 3) linear diffuse and specular -> (n, 3) linear base colour, (n,) metalness."""
    strongest = specular.max(axis=1)
    lit, shiny = _brightness(diffuse), _brightness(specular)
    b = lit * (1 - strongest) / (1 - DIELECTRIC) + shiny - 2 * DIELECTRIC
    root = np.sqrt(np.maximum(b * b - 4 * DIELECTRIC * (DIELECTRIC - shiny), 0))
    metal = np.where(shiny < DIELECTRIC, 0, np.clip((root - b) / (2 * DIELECTRIC), 0, 1))[:, None]
    from_diffuse = diffuse * (1 - strongest)[:, None] / ((1 - DIELECTRIC) * np.maximum(1 - metal, 1e-6))
    from_specular = (specular - DIELECTRIC * (1 - metal)) / np.maximum(metal, 1e-6)
    share = metal * metal
    colour: Array = np.clip(from_diffuse * (1 - share) + from_specular * share, 0, 1).astype(np.float32)
    return colour, metal[:, 0].astype(np.float32)


def _brightness(colour: Array) -> Array:
    """As perceived (HSP colour model), the measure of Khronos' conversion."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.sqrt((colour * colour) @ weights)


def to_linear(values: Array) -> Array:
    """uint8 sRGB -> float32 linear, IEC 61966-2-1."""
    unit = values.astype(np.float64) / 255
    return np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(values: Array) -> Array:
    return _to_byte(
        np.where(values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055)
    )


def _to_byte(values: Array) -> Array:
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
