"""The document as the source wrote it -> the same with every type, range and reference checked (glTF 2.0 and KHR).

Written as data: one line per property of the specification that anything here or downstream relies on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from assetpipe.asset import Json, Material
from assetpipe.sources.notes import Notes
from assetpipe.sources.rules import (
    Context,
    Rule,
    above,
    anything,
    array,
    choice,
    flag,
    index,
    integer,
    number,
    record,
    table,
    text,
)

COLLECTIONS = (
    *("accessors", "animations", "buffers", "bufferViews", "cameras", "images", "materials", "meshes", "nodes"),
    *("samplers", "scenes", "skins", "textures"),
)
UNIT = number(0, 1)
COMPONENT_TYPES = {5120: "int8", 5121: "uint8", 5122: "int16", 5123: "uint16", 5125: "uint32", 5126: "float32"}
FILTERS = (9728, 9729, 9984, 9985, 9986, 9987)


def extended(rule: Rule, **extensions: Rule) -> Rule:
    """`rule`, and the content of the extensions that are known."""

    def both(context: Context, value: object, place: str) -> object:
        checked = rule(context, value, place)
        inside = checked.get("extensions", {})
        known = {
            key: extensions[key](context, entry, f"{place}/extensions/{key}") if key in extensions else entry
            for key, entry in inside.items()
        }
        return {**checked, "extensions": known} if inside else checked

    return both


TEXTURE_INFO = extended(
    record({"index": index("textures")}, texCoord=integer(0, 15), scale=number(), strength=UNIT),
    KHR_texture_transform=record(
        offset=array(number(), length=2), rotation=number(), scale=array(number(), length=2), texCoord=integer(0, 15)
    ),
)


def textured(**rules: Rule) -> Rule:
    """An object of a material: every `…Texture` in it is a textureInfo."""
    plain = record(None, **rules)

    def rule(context: Context, value: object, place: str) -> object:
        return _texture_infos(context, plain(context, value, place), place)

    return rule


def _texture_infos(context: Context, value: Json, place: str) -> Json:
    return {
        key: TEXTURE_INFO(context, entry, f"{place}/{key}") if key.endswith("Texture") else entry
        for key, entry in value.items()
    }


BUFFER = record({"byteLength": integer(1)}, uri=text)
BUFFER_VIEW = extended(
    record(
        {"buffer": index("buffers"), "byteLength": integer(1)},
        byteOffset=integer(),
        byteStride=integer(1, 255),
        target=anything,
    ),
    **{
        name: record(
            {"buffer": index("buffers"), "byteLength": integer(1), "byteStride": integer(1, 256), "count": integer(1)},
            byteOffset=integer(),
            mode=choice("ATTRIBUTES", "TRIANGLES", "INDICES"),
            filter=choice("NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL", "COLOR"),
        )
        for name in ("EXT_meshopt_compression", "KHR_meshopt_compression")
    },
)
SPARSE = record(
    {
        "count": integer(1),
        "indices": record(
            {"bufferView": index("bufferViews"), "componentType": choice(5121, 5123, 5125)}, byteOffset=integer()
        ),
        "values": record({"bufferView": index("bufferViews")}, byteOffset=integer()),
    }
)
ACCESSOR = record(
    {"componentType": integer(), "count": integer(1), "type": text},
    bufferView=index("bufferViews"),
    byteOffset=integer(),
    normalized=flag,
    sparse=SPARSE,
)
IMAGE = record(uri=text, mimeType=text, bufferView=index("bufferViews"))
TEXTURE = extended(
    record(source=index("images"), sampler=index("samplers")),
    **{
        name: record(source=index("images"))
        for name in ("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds")
    },
)
WRAPS = choice(33071, 33648, 10497)
SAMPLER = record(magFilter=choice(*FILTERS[:2]), minFilter=choice(*FILTERS), wrapS=WRAPS, wrapT=WRAPS)

RGB, RGBA = array(UNIT, length=3), array(UNIT, length=4)
MATERIAL_EXTENSIONS: Mapping[str, Rule] = {
    "KHR_materials_anisotropy": textured(anisotropyStrength=UNIT, anisotropyRotation=number()),
    "KHR_materials_clearcoat": textured(clearcoatFactor=UNIT, clearcoatRoughnessFactor=UNIT),
    "KHR_materials_diffuse_transmission": textured(
        diffuseTransmissionFactor=UNIT, diffuseTransmissionColorFactor=array(number(0), length=3)
    ),
    "KHR_materials_dispersion": textured(dispersion=number(0)),
    "KHR_materials_emissive_strength": textured(emissiveStrength=number(0)),
    "KHR_materials_ior": textured(ior=number(0)),
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
    return found


def quaternion(context: Context, value: object, place: str) -> object:
    """(x, y, z, w) of length 1, within the validator's tolerance."""
    checked = array(number(), length=4)(context, value, place)
    length = math.hypot(*checked)
    if abs(length - 1) <= 5e-4:
        return checked
    if not 1e-6 < length < 1e12:
        raise context.refuse("E_SCHEMA", place, f"{checked} is no rotation")
    context.notes.repair("W_RANGE", f"{place} had the length {length:g}, now 1")
    return [part / length for part in checked]


ATTRIBUTES = table(index("accessors"))
PRIMITIVE = extended(
    record(
        {"attributes": ATTRIBUTES},
        indices=index("accessors"),
        material=index("materials"),
        mode=integer(0, 6),
        targets=array(ATTRIBUTES),
    ),
    KHR_draco_mesh_compression=record({"bufferView": index("bufferViews"), "attributes": table(integer())}),
    KHR_materials_variants=record(
        {
            "mappings": array(
                record({"material": index("materials"), "variants": array(index("variants"), distinct=True)})
            )
        }
    ),
)
MESH = record({"primitives": array(PRIMITIVE, least=0)}, weights=array(number()))
NODE = extended(
    record(
        camera=index("cameras"),
        children=array(index("nodes"), distinct=True),
        mesh=index("meshes"),
        skin=index("skins"),
        matrix=array(number(), length=16),
        rotation=quaternion,
        scale=array(number(), length=3),
        translation=array(number(), length=3),
        weights=array(number()),
    ),
    KHR_lights_punctual=record({"light": index("lights")}),
    EXT_mesh_gpu_instancing=record({"attributes": ATTRIBUTES}),
)
SKIN = record(
    {"joints": array(index("nodes"), distinct=True)}, inverseBindMatrices=index("accessors"), skeleton=index("nodes")
)
CHANNEL = record(
    {"sampler": integer(), "target": record({"path": text}, node=index("nodes"))},
)
ANIMATION_SAMPLER = record(
    {"input": index("accessors"), "output": index("accessors")}, interpolation=choice("LINEAR", "STEP", "CUBICSPLINE")
)


def animation(context: Context, value: object, place: str) -> object:
    rule = record({"channels": array(CHANNEL, least=0), "samplers": array(ANIMATION_SAMPLER, least=0)})
    checked = rule(context, value, place)
    for number_, channel in enumerate(checked["channels"]):
        count = len(checked["samplers"])
        if channel["sampler"] >= count:
            fault = f"{channel['sampler']}, but there are {count} samplers in the animation"
            raise context.refuse("E_REFERENCE", f"{place}/channels/{number_}/sampler", fault)
    return checked


CAMERA = record(
    {"type": choice("perspective", "orthographic")},
    perspective=record({"yfov": above(0), "znear": above(0)}, aspectRatio=above(0), zfar=above(0)),
    orthographic=record({"xmag": number(), "ymag": number(), "zfar": above(0), "znear": number(0)}),
)
LIGHT = record(
    {"type": text},
    color=RGB,
    intensity=number(0),
    range=above(0),
    spot=record(innerConeAngle=number(0), outerConeAngle=above(0)),
)
DOCUMENT = extended(
    record(
        {"asset": record({"version": text}, minVersion=text, copyright=text, generator=text)},
        accessors=array(ACCESSOR),
        animations=array(animation),
        buffers=array(BUFFER),
        bufferViews=array(BUFFER_VIEW),
        cameras=array(CAMERA),
        images=array(IMAGE),
        materials=array(material),
        meshes=array(MESH),
        nodes=array(NODE),
        samplers=array(SAMPLER),
        scene=index("scenes"),
        scenes=array(record(nodes=array(index("nodes"), distinct=True))),
        skins=array(SKIN),
        textures=array(TEXTURE),
        extensionsUsed=array(text, distinct=True),
        extensionsRequired=array(text, distinct=True),
    ),
    KHR_lights_punctual=record({"lights": array(LIGHT)}),
    KHR_materials_variants=record({"variants": array(record({"name": text}))}),
)


def conform(document: Json, name: str, notes: Notes) -> Json:
    """The document with every known property checked and, where that is harmless, mended."""
    counts = {key: len(document[key]) for key in COLLECTIONS if isinstance(document.get(key), list)}
    for collection, extension in (("lights", "KHR_lights_punctual"), ("variants", "KHR_materials_variants")):
        counts[collection] = _extension_count(document, extension, collection)
    checked: Json = DOCUMENT(Context(name, counts, notes), document, "")
    return checked


def _extension_count(document: Json, extension: str, collection: str) -> int:
    extensions = document.get("extensions")
    root = extensions.get(extension) if isinstance(extensions, dict) else None
    items = root.get(collection) if isinstance(root, dict) else None
    return len(items) if isinstance(items, list) else 0
