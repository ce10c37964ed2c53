"""Document -> the document without extensions at places that their specification does not name.

No reader looks for them there, so dropping them changes nothing that is seen; left in, they make the output invalid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assetpipe.asset import Json
from assetpipe.sources.notes import Notes

MATERIAL, NODE, PRIMITIVE, TEXTURE = r"/materials/\d+", r"/nodes/\d+", r"/meshes/\d+/primitives/\d+", r"/textures/\d+"
PARTS_OF_MATERIALS = (
    *("anisotropy", "clearcoat", "diffuse_transmission", "dispersion", "emissive_strength", "ior", "iridescence"),
    *("pbrSpecularGlossiness", "sheen", "specular", "transmission", "unlit", "volume", "volume_scatter"),
)
# Extension -> pattern of the JSON pointers of the objects that may have it. KHR_xmp_json_ld may be nearly anywhere.
PLACES: Mapping[str, str] = {
    **{f"KHR_materials_{name}": MATERIAL for name in PARTS_OF_MATERIALS},
    "KHR_texture_transform": rf"{MATERIAL}/.+Texture",
    "KHR_materials_variants": rf"|{PRIMITIVE}",
    "KHR_lights_punctual": rf"|{NODE}",
    **dict.fromkeys(("EXT_mesh_gpu_instancing", "KHR_node_visibility"), NODE),
    **dict.fromkeys(("KHR_node_selectability", "KHR_node_hoverability"), NODE),
    "KHR_animation_pointer": r"/animations/\d+/channels/\d+/target",
    **dict.fromkeys(("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"), TEXTURE),
    "KHR_draco_mesh_compression": PRIMITIVE,
    **dict.fromkeys(("EXT_meshopt_compression", "KHR_meshopt_compression"), r"/buffer(View)?s/\d+"),
    "KHR_mesh_quantization": r"(?!)",  # nowhere: it only stands in extensionsUsed
}
ALLOWED = {name: re.compile(pattern) for name, pattern in PLACES.items()}


def drop_misplaced(document: Json, notes: Notes) -> Json:
    return _objects(document, "", notes)


def _objects(value: Json, place: str, notes: Notes) -> Json:
    found = {
        key: own if key in ("extras", "extensions") else _anything(own, f"{place}/{key}", notes)
        for key, own in value.items()
    }
    extensions = value.get("extensions")
    if not isinstance(extensions, dict):
        return found
    kept = {
        # What is inside an extension that is not known here follows rules of its own.
        name: _anything(own, f"{place}/extensions/{name}", notes) if name in ALLOWED else own
        for name, own in extensions.items()
        if _belongs(name, place, notes)
    }
    rest = {key: own for key, own in found.items() if key != "extensions"}
    return {**rest, "extensions": kept} if kept else rest


def _anything(value: Any, place: str, notes: Notes) -> Any:
    if isinstance(value, dict):
        return _objects(value, place, notes)
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [_anything(item, f"{place}/{number}", notes) for number, item in enumerate(value)]
    return value


def _belongs(name: str, place: str, notes: Notes) -> bool:
    if name not in ALLOWED or ALLOWED[name].fullmatch(place):
        return True
    notes.repair("W_EXT_PLACE", f"{place}/extensions/{name} does not belong there and is dropped")
    return False
