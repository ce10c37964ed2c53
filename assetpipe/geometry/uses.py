"""Primitive, materials -> which of its vertex attributes the materials look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assetpipe.asset import Material, Primitive, TextureSlot

VARIANTS, TRANSFORM = "KHR_materials_variants", "KHR_texture_transform"


def uv_sets(primitive: Primitive, materials: Sequence[Material]) -> frozenset[int]:
    """The n of each TEXCOORD_n that a texture is looked up with."""
    return frozenset(_uv_set(slot) for material in _materials(primitive, materials) for slot in material.textures)


def needs_tangents(primitive: Primitive, materials: Sequence[Material]) -> bool:
    return any(_is_anisotropic(material) or _has_normal_map(material) for material in _materials(primitive, materials))


def _materials(primitive: Primitive, materials: Sequence[Material]) -> Iterator[Material]:
    """Of the primitive itself and of its variants."""
    mappings = primitive.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
    indices = [primitive.material, *(mapping.get("material") for mapping in mappings)]
    return (materials[index] for index in dict.fromkeys(indices) if index is not None and index < len(materials))


def _uv_set(slot: TextureSlot) -> int:
    transform = slot.info.get("extensions", {}).get(TRANSFORM, {})
    return int(transform.get("texCoord", slot.info.get("texCoord", 0)))


def _has_normal_map(material: Material) -> bool:
    """Of the base layer or of a clearcoat: "normal", "clearcoatNormal"."""
    return any(slot.name.lower().endswith("normal") for slot in material.textures)


def _is_anisotropic(material: Material) -> bool:
    return "KHR_materials_anisotropy" in material.json.get("extensions", {})
