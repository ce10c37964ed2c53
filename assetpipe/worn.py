"""Primitive -> the materials that it shows: without a variant, and in each variant of the asset.

What KHR_materials_variants says by numbers is here a row per primitive, so that what holds for one material holds for a
row of them: rows may merge where the materials of each column may, and all columns share the row's UVs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from assetpipe.asset import Json, Primitive, Scene

VARIANTS = "KHR_materials_variants"
Worn = tuple[int, ...]
"""Materials: the one without a variant, then each variant's; of an asset without variants, one alone."""
NOTHING = -1
"""glTF's default material, which has no number."""
Key = tuple[int, int]
"""(mesh, primitive of it)"""


def worn_by(scene: Scene) -> Mapping[Key, Worn]:
    """Of all primitives."""
    variants = len(scene.json.get("extensions", {}).get(VARIANTS, {}).get("variants", ()))
    return {
        (at, number): _worn(each, variants)
        for at, mesh in enumerate(scene.meshes)
        for number, each in enumerate(mesh.primitives)
    }


def _worn(primitive: Primitive, variants: int) -> Worn:
    plain = NOTHING if primitive.material is None else primitive.material
    named = {number: mapping["material"] for mapping in mappings(primitive.json) for number in mapping["variants"]}
    return plain, *(named.get(number, plain) for number in range(variants))


def mappings(json: Json) -> Sequence[Json]:
    """Of a primitive's JSON."""
    found: Sequence[Json] = json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
    return found


def dressed(json: Json, worn: Worn) -> Json:
    """A primitive's JSON that shows these materials; variants are named one and all, unless none differs."""
    extensions = {key: value for key, value in json.get("extensions", {}).items() if key != VARIANTS}
    rows = [{"material": each, "variants": list(_where(worn[1:], each))} for each in dict.fromkeys(worn[1:])]
    if len(set(worn)) > 1:
        extensions[VARIANTS] = {"mappings": rows}
    bare = {key: value for key, value in json.items() if key != "extensions"}
    return {**bare, "material": worn[0], **({"extensions": extensions} if extensions else {})}


def _where(materials: Worn, one: int) -> Iterator[int]:
    return (number for number, each in enumerate(materials) if each == one)
