"""What a material of a document must be, its extensions and textureInfos included: the rules for it."""

from __future__ import annotations

from collections.abc import Mapping

from assetpipe.asset import Json, Material
from assetpipe.sources.rules import (
    Context,
    Rule,
    above,
    anything,
    array,
    choice,
    extended,
    flag,
    index,
    integer,
    number,
    record,
)

UNIT = number(0, 1)
EMISSIVE_STRENGTH = "KHR_materials_emissive_strength"
TEXTURE_INFO = extended(
    record({"index": index("textures")}, texCoord=integer(0, 15), scale=number(), strength=UNIT),
    KHR_texture_transform=record(
        offset=array(number(), length=2), rotation=number(), scale=array(number(), length=2), texCoord=integer(0, 15)
    ),
)


def texture_info(context: Context, value: object, place: str) -> Json:
    """The UV set of a transform overrides the other, which must then not ask for one that a primitive lacks."""
    checked: Json = TEXTURE_INFO(context, value, place)
    override = checked.get("extensions", {}).get("KHR_texture_transform", {}).get("texCoord")
    return checked if override is None else {**checked, "texCoord": override}


def textured(**rules: Rule) -> Rule:
    """An object of a material: every `…Texture` in it is a textureInfo."""
    plain = record(None, **rules)

    def rule(context: Context, value: object, place: str) -> object:
        return _texture_infos(context, plain(context, value, place), place)

    return rule


def _texture_infos(context: Context, value: Json, place: str) -> Json:
    return {
        key: texture_info(context, entry, f"{place}/{key}") if key.endswith("Texture") else entry
        for key, entry in value.items()
    }


RGB, RGBA = array(UNIT, length=3), array(UNIT, length=4)


def refraction(context: Context, value: object, place: str) -> object:
    """1 or more; 0 stands for an endless index of refraction."""
    return value if value == 0 and not isinstance(value, bool) else number(1)(context, value, place)


MATERIAL_EXTENSIONS: Mapping[str, Rule] = {
    "KHR_materials_anisotropy": textured(anisotropyStrength=UNIT, anisotropyRotation=number()),
    "KHR_materials_clearcoat": textured(clearcoatFactor=UNIT, clearcoatRoughnessFactor=UNIT),
    "KHR_materials_diffuse_transmission": textured(
        diffuseTransmissionFactor=UNIT, diffuseTransmissionColorFactor=array(number(0), length=3)
    ),
    "KHR_materials_dispersion": textured(dispersion=number(0)),
    "KHR_materials_emissive_strength": textured(emissiveStrength=number(0)),
    "KHR_materials_ior": textured(ior=refraction),
    "KHR_materials_iridescence": textured(
        iridescenceFactor=UNIT,
        iridescenceIor=number(1),
        iridescenceThicknessMinimum=number(0),
        iridescenceThicknessMaximum=number(0),
    ),
    "KHR_materials_pbrSpecularGlossiness": textured(diffuseFactor=RGBA, specularFactor=RGB, glossinessFactor=UNIT),
    "KHR_materials_sheen": textured(sheenColorFactor=RGB, sheenRoughnessFactor=UNIT),
    "KHR_materials_specular": textured(specularFactor=UNIT, specularColorFactor=array(number(0), length=3)),
    "KHR_materials_transmission": textured(transmissionFactor=UNIT),
    "KHR_materials_volume": textured(thicknessFactor=number(0), attenuationDistance=above(0), attenuationColor=RGB),
}


def material(context: Context, value: object, place: str) -> Json:
    checked = textured(
        pbrMetallicRoughness=textured(baseColorFactor=RGBA, metallicFactor=UNIT, roughnessFactor=UNIT),
        emissiveFactor=array(number(0), length=3),
        alphaMode=choice("OPAQUE", "MASK", "BLEND"),
        alphaCutoff=number(0),
        doubleSided=flag,
    )(context, value, place)
    inside = {
        key: MATERIAL_EXTENSIONS.get(key, anything)(context, entry, f"{place}/extensions/{key}")
        for key, entry in checked.get("extensions", {}).items()
    }
    found: Json = {**checked, "extensions": inside} if inside else checked
    for slot in Material(found).textures:  # also those in extensions that are not known here
        TEXTURE_INFO(context, slot.info, "/".join((place, *slot.path)))
    return _brightened(context, found, place)


def _brightened(context: Context, material: Json, place: str) -> Json:
    """A factor above 1, which viewers multiply with all the same, is what an extension is for."""
    factor = material.get("emissiveFactor", ())
    most = max(factor, default=0)
    if most <= 1:
        return material
    extensions = material.get("extensions", {})
    strength = extensions.get(EMISSIVE_STRENGTH, {})
    stronger = {**strength, "emissiveStrength": strength.get("emissiveStrength", 1) * most}
    context.notes.repair("W_RANGE", f"{place}/emissiveFactor was up to {most:g}: {EMISSIVE_STRENGTH} says it now")
    extensions = {**extensions, EMISSIVE_STRENGTH: stronger}
    return {**material, "emissiveFactor": [part / most for part in factor], "extensions": extensions}
