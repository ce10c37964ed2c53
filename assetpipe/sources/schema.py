"""The document as the source wrote it -> the same with every type, range and reference checked (glTF 2.0 and KHR).

Written as data: one line per property of the specification that anything here or downstream relies on.
"""

from __future__ import annotations

import math

from assetpipe.asset import Json
from assetpipe.sources.lights import camera, light
from assetpipe.sources.material_rules import material
from assetpipe.sources.notes import Notes
from assetpipe.sources.rules import (
    Context,
    anything,
    array,
    choice,
    extended,
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
COMPONENT_TYPES = {5120: "int8", 5121: "uint8", 5122: "int16", 5123: "uint16", 5125: "uint32", 5126: "float32"}
FILTERS = (9728, 9729, 9984, 9985, 9986, 9987)


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


VARIANTS = record(
    {"mappings": array(record({"material": index("materials"), "variants": array(index("variants"), least=0)}))}
)


def variants(context: Context, value: object, place: str) -> object:
    """Each variant once for a primitive; where it has several materials, viewers take the first."""
    checked, seen, mappings = VARIANTS(context, value, place), set(), []
    for mapping in checked["mappings"]:
        fresh = [number for number in dict.fromkeys(mapping["variants"]) if number not in seen]
        seen.update(fresh)
        if fresh != mapping["variants"]:
            context.notes.repair("W_VARIANT", f"{place} gives a variant two materials or none: the first holds")
        if fresh:
            mappings.append({**mapping, "variants": fresh})
    return {**checked, "mappings": mappings}


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
    KHR_materials_variants=variants,
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
    {
        "sampler": integer(),
        "target": extended(
            record({"path": text}, node=index("nodes")), KHR_animation_pointer=record({"pointer": text})
        ),
    },
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


DOCUMENT = extended(
    record(
        {"asset": record({"version": text}, minVersion=text, copyright=text, generator=text)},
        accessors=array(ACCESSOR),
        animations=array(animation),
        buffers=array(BUFFER),
        bufferViews=array(BUFFER_VIEW),
        cameras=array(camera),
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
    KHR_lights_punctual=record({"lights": array(light)}),
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
