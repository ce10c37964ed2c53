"""Scene + EncodedGeometry -> the glTF document, with every byte given its place."""

from __future__ import annotations

import json

from assetpipe.asset import Image, Json, Mesh, Primitive, Scene
from assetpipe.container.encoded import Accessor, EncodedGeometry, EncodedPrimitive, View
from assetpipe.container.extensions import declare
from assetpipe.container.plain import store_array
from assetpipe.errors import ConfigError

DRACO, MESHOPT = "KHR_draco_mesh_compression", "EXT_meshopt_compression"
INSTANCING = "EXT_mesh_gpu_instancing"
TEXTURE_EXTENSIONS = {"image/webp": "EXT_texture_webp", "image/ktx2": "KHR_texture_basisu"}
CORE_IMAGES = ("image/png", "image/jpeg")


class Layout:
    """Numbers views and accessors in the order in which they are first named; equal ones are stored once."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.length = 0
        self.views: list[Json] = []
        self.accessors: list[Json] = []
        self._decoded_length = 0
        self._places: dict[object, int] = {}

    def accessor(self, accessor: Accessor, *, shared: bool = True) -> int:
        view = None if accessor.view is None else self.view(accessor.view)
        text = json.dumps(accessor.json)
        # A Draco accessor stands for values that only its own primitive has.
        key = ("accessor", view, text) if shared and view is not None else ("accessor", id(accessor))
        if key not in self._places:
            self._places[key] = len(self.accessors)
            self.accessors.append(accessor.json if view is None else {"bufferView": view, **accessor.json})
        return self._places[key]

    def view(self, view: View) -> int:
        if view.digest not in self._places:
            self._places[view.digest] = len(self.views)
            place = {"buffer": 0, "byteOffset": self.length, "byteLength": len(view.data)}
            self.views.append(self._decoded(view, place) if view.meshopt else {**place, **view.json})
            self._append(view.data)
        return self._places[view.digest]

    def buffers(self) -> list[Json]:
        own = [{"byteLength": self.length}] if self.length else []
        fallback = {"byteLength": self._decoded_length, "extensions": {MESHOPT: {"fallback": True}}}
        return [*own, fallback] if self._decoded_length else own

    def _decoded(self, view: View, place: Json) -> Json:
        """A view of the second buffer, which does not exist until a viewer has decompressed into it."""
        settings: Json = view.meshopt or {}
        length = settings["count"] * settings["byteStride"]
        decoded = {"buffer": 1, "byteOffset": self._decoded_length, "byteLength": length, **view.json}
        self._decoded_length += length + -length % 4
        return {**decoded, "extensions": {MESHOPT: {**place, **settings}}}

    def _append(self, data: bytes | memoryview) -> None:
        self.parts.append(data)
        padding = -len(data) % 4
        if padding:
            self.parts.append(bytes(padding))
        self.length += len(data) + padding


def assemble(scene: Scene, geometry: EncodedGeometry, layout: Layout) -> Json:
    """The whole document. Keys come in the order of the source, then those whose bulk had been lifted out."""
    meshes = [_mesh(mesh, own, layout) for mesh, own in zip(scene.meshes, geometry.meshes, strict=True)]
    arrays = _ArrayPlaces(scene, layout)
    lifted = {
        "skins": [arrays.skin(skin) for skin in scene.json.get("skins", ())],
        "animations": [arrays.animation(animation) for animation in scene.json.get("animations", ())],
        "nodes": [arrays.node(node.json) for node in scene.nodes],
        "meshes": meshes,
        "materials": [material.json for material in scene.materials],
        "textures": [_texture(texture, scene) for texture in scene.json.get("textures", ())],
        "images": [_image(image, layout) for image in scene.images],
    }
    document = {**scene.json, **lifted, "accessors": layout.accessors, "bufferViews": layout.views}
    document["buffers"] = layout.buffers()
    filled = {key: value for key, value in document.items() if value != []}
    return declare(filled, scene.json, geometry.extensions)


def _mesh(mesh: Mesh, encoded: tuple[EncodedPrimitive, ...], layout: Layout) -> Json:
    pairs = zip(mesh.primitives, encoded, strict=True)
    return {**mesh.json, "primitives": [_primitive(primitive, own, layout) for primitive, own in pairs]}


def _primitive(primitive: Primitive, encoded: EncodedPrimitive, layout: Layout) -> Json:
    document: Json = {**primitive.json, "mode": primitive.mode}
    document["attributes"] = {name: layout.accessor(own) for name, own in encoded.attributes.items()}
    if encoded.indices:
        document["indices"] = layout.accessor(encoded.indices)
    if encoded.targets:
        document["targets"] = [
            {name: layout.accessor(own) for name, own in target.items()} for target in encoded.targets
        ]
    if encoded.draco:
        draco = {"bufferView": layout.view(encoded.draco), "attributes": dict(encoded.draco_ids)}
        document["extensions"] = {**document.get("extensions", {}), DRACO: draco}
    if primitive.mode == 4:
        del document["mode"]
    return document


class _ArrayPlaces:
    """Turns the indices of `scene.arrays` in the document into those of accessors."""

    def __init__(self, scene: Scene, layout: Layout) -> None:
        self._scene = scene
        self._layout = layout
        # An animation's input needs min and max; an array that serves as one has them wherever it is used.
        self._inputs = {
            sampler["input"] for animation in scene.json.get("animations", ()) for sampler in animation["samplers"]
        }

    def skin(self, skin: Json) -> Json:
        return self._replace(skin, ("inverseBindMatrices",))

    def animation(self, animation: Json) -> Json:
        return {**animation, "samplers": [self._replace(own, ("input", "output")) for own in animation["samplers"]]}

    def node(self, node: Json) -> Json:
        instancing = node.get("extensions", {}).get(INSTANCING)
        if instancing is None:
            return node
        attributes = instancing.get("attributes", {})
        placed = {**instancing, "attributes": self._replace(attributes, tuple(attributes))}
        return {**node, "extensions": {**node["extensions"], INSTANCING: placed}}

    def _replace(self, json: Json, keys: tuple[str, ...]) -> Json:
        return {key: self._place(value) if key in keys else value for key, value in json.items()}

    def _place(self, index: int) -> int:
        return self._layout.accessor(store_array(self._scene.arrays[index], with_bounds=index in self._inputs))


def _texture(texture: Json, scene: Scene) -> Json:
    """`source` moves into the extension of the image's format when the core does not know it."""
    if "source" not in texture:
        return texture
    mime = scene.images[texture["source"]].mime
    if mime in CORE_IMAGES:
        return texture
    if mime not in TEXTURE_EXTENSIONS:
        raise ConfigError(
            "E_IMAGE_FORMAT",
            f"image {texture['source']} is {mime}, which no extension of glTF can name",
            hint="write textures as webp, jpeg, png or ktx2",
        )
    rest = {key: value for key, value in texture.items() if key != "source"}
    extensions = {**rest.get("extensions", {}), TEXTURE_EXTENSIONS[mime]: {"source": texture["source"]}}
    return {**rest, "extensions": extensions}


def _image(image: Image, layout: Layout) -> Json:
    return {**image.json, "mimeType": image.mime, "bufferView": layout.view(View(image.data))}
