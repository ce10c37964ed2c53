"""Settings -> what the images of a level should be, and the ladder that brings a file under its size limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from assetpipe.config import Textures
from assetpipe.textures.uses import SLOTS

Format = Literal["webp", "jpeg", "png", "ktx2"]
QUALITY_STEP = 5
# Khronos' order of what a shopper misses least; base colour stays.
EMISSIVE = frozenset({"emissive"})
# Anisotropy needs the tangents that a mesh carries for its normal map's sake.
NORMAL = frozenset(name for name, slot in SLOTS.items() if slot.role == "normal") | {"anisotropy"}
REST = frozenset(SLOTS) - EMISSIVE - NORMAL - {"baseColor"}
DROPS = (
    (EMISSIVE, "without emissive maps"),
    (EMISSIVE | NORMAL, "without emissive and normal maps"),
    (EMISSIVE | NORMAL | REST, "with base colour maps only"),
)


@dataclass(frozen=True)
class TextureTarget:
    """What the images of a level should be."""

    format: Format
    px: int
    """Longest side, in pixels; smaller images stay as they are."""
    colour_quality: int
    normal_quality: int
    data_quality: int
    asked_quality: int
    """`normal_quality` as the settings have it, on each rung."""
    power_of_two: bool
    screen_px: int
    """Side of the pictures that the level is for: in them the texels of smaller images are larger than a pixel."""
    dropped: frozenset[str] = frozenset()
    """Slots, by name, whose maps are left out; their materials' factors take the maps' averages."""


def ladder(
    settings: Textures, px: int, *, screen_px: int, max_bytes: int | None = None
) -> Iterator[tuple[TextureTarget, str]]:
    """Ever smaller targets, each with the sentence that tells what it gives up: quality first, then size, then maps.

    The first is what the settings ask for and gives up nothing (""). Finite and monotone: the caller may bisect.
    """
    colour, normal, data = settings.colour_quality, settings.normal_quality, settings.data_quality
    best = TextureTarget(settings.format, px, colour, normal, data, normal, settings.power_of_two, screen_px)
    why = f" to stay under {max_bytes:,} bytes" if max_bytes else ""
    qualities = [best, *_lower_qualities(best, settings.min_quality)]
    sizes = [replace(qualities[-1], px=side) for side in _smaller_sides(best, settings.min_px)]
    least = [*qualities, *sizes][-1]
    yield best, ""
    for target in qualities[1:]:
        yield target, f"textures {_quality(target)}{why}"
    for target in sizes:
        yield target, f"textures of at most {target.px} px {_quality(target)}{why}"
    for dropped, words in DROPS:
        note = f"textures {words}, of at most {least.px} px {_quality(least)}{why}"
        yield replace(least, dropped=dropped), note


def _lower_qualities(target: TextureTarget, lowest: int) -> Iterator[TextureTarget]:
    """PNG has no quality to give up."""
    while target.format != "png" and max(_qualities(target)) > lowest:
        target = replace(
            target,
            colour_quality=_lower(target.colour_quality, lowest),
            normal_quality=_lower(target.normal_quality, lowest),
            data_quality=_lower(target.data_quality, lowest),
        )
        yield target


def _qualities(target: TextureTarget) -> tuple[int, int, int]:
    return target.colour_quality, target.normal_quality, target.data_quality


def _lower(quality: int, lowest: int) -> int:
    return min(quality, max(lowest, quality - QUALITY_STEP))


def _smaller_sides(target: TextureTarget, smallest: int) -> Iterator[int]:
    """Halves where sides are powers of two anyway, else steps of the square root of a half: half the pixels each."""
    side = target.px
    while side > smallest:
        side = max(smallest, side // 2 if target.power_of_two else round(side * 0.5**0.5))
        yield side


def _quality(target: TextureTarget) -> str:
    if target.format == "png":
        return "without loss"
    colour, normal, data = _qualities(target)
    if colour == normal == data:
        return f"at quality {colour}"
    return f"at quality {colour} (colour), {normal} (normals) and {data} (data)"
