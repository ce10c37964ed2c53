"""A .glb or .gltf -> Scene: the document's bulk lifted out, typed and checked; the rest stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assetpipe.asset import Json, Material, Mesh, Node, Scene
from assetpipe.config import Limits
from assetpipe.errors import SourceError
from assetpipe.sources.accessors import Accessors
from assetpipe.sources.animations import lift_animations
from assetpipe.sources.arrays import Lifted, lift_instances, lift_skins
from assetpipe.sources.buffers import Buffers
from assetpipe.sources.document import RESOLVED, Document, read_document
from assetpipe.sources.files import Source
from assetpipe.sources.hierarchy import check_hierarchy, check_skins, mend_deformation
from assetpipe.sources.images import Pictures, read_pictures
from assetpipe.sources.materials import drop_textures, renumber_textures
from assetpipe.sources.matrices import mend_transforms
from assetpipe.sources.primitives import read_meshes
from assetpipe.sources.skeletons import mend_skeletons, show_joints
from assetpipe.sources.specgloss import Library, convert_materials
from assetpipe.sources.stage import choose_scene, show_all

LIFTED = ("accessors", "bufferViews", "buffers", "images", "materials", "meshes", "nodes")


def read_gltf(source: Source, limits: Limits) -> Scene:
    document = read_document(source, limits)
    check_hierarchy(document)
    document = mend_skeletons(mend_transforms(document))
    accessors = Accessors(document, Buffers(document))
    read = read_meshes(accessors)
    meshes = tuple(mesh for mesh in read if mesh is not None)
    if not meshes:
        raise SourceError(
            "E_EMPTY",
            f"{source.name}: no triangles, lines or points to publish",
            hint="check what was selected for export",
        )
    lifted = Lifted(accessors)
    nodes = show_all(mend_deformation(document, _nodes(lifted, read), meshes), meshes, document.notes)
    check_skins(document, nodes, meshes)
    pictures = read_pictures(document, accessors.buffers)
    materials, library = _materials(document, pictures)
    _warn_of_pointers(document, lost=bool(pictures.lost) or len(meshes) < len(read))
    found = {"skins": lift_skins(lifted), "animations": lift_animations(lifted, nodes, meshes)}
    rest = choose_scene(_rest(document, found, library), nodes, document.notes)
    rest = show_joints(document, rest, nodes)
    return Scene(
        nodes,
        meshes,
        materials,
        library.images,
        tuple(lifted.arrays),
        rest,
        repairs=(*source.repairs, *document.notes.repairs),
        warnings=tuple(document.notes.warnings),
    )


def _warn_of_pointers(document: Document, *, lost: bool) -> None:
    """KHR_animation_pointer names what it animates by its number, in a text."""
    if lost and "KHR_animation_pointer" in document.json.get("extensionsUsed", ()):
        document.notes.warn(
            "W_POINTER", "things were dropped: an animation by KHR_animation_pointer may now miss its aim"
        )


def _nodes(lifted: Lifted, read: Sequence[Mesh | None]) -> tuple[Node, ...]:
    """References to dropped meshes go; the others follow their mesh to its new place."""
    places: dict[int, int] = {}
    for number, mesh in enumerate(read):
        if mesh is not None:
            places[number] = len(places)
    nodes = []
    for number, entry in enumerate(lifted.accessors.document.items("nodes")):
        node = lift_instances(lifted, entry, f"/nodes/{number}")
        if "mesh" in node:
            lost = {"mesh", "skin", "weights"} if node["mesh"] not in places else set()
            node = {key: value for key, value in node.items() if key not in lost}
        if "mesh" in node:
            node = {**node, "mesh": places[node["mesh"]]}
        nodes.append(Node(node))
    return tuple(nodes)


def _materials(document: Document, pictures: Pictures) -> tuple[tuple[Material, ...], Library]:
    found = [
        renumber_textures(drop_textures(material, pictures.lost), pictures.places)
        for material in document.items("materials")
    ]
    converted, library = convert_materials(found, Library(pictures.images, pictures.textures), document.notes)
    return tuple(Material(material) for material in converted), library


def _rest(document: Document, lifted: Mapping[str, list[Json]], library: Library) -> Json:
    rest = {key: value for key, value in document.json.items() if key not in LIFTED}
    found = {**lifted, "textures": list(library.textures)}
    rest = {key: value for key, value in {**rest, **found}.items() if value or key not in found}
    for key in ("extensionsUsed", "extensionsRequired"):
        if key in rest:
            rest[key] = [name for name in rest[key] if name not in RESOLVED]
    return {key: value for key, value in rest.items() if value != []}
