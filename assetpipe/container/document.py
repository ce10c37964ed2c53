"""Scene + EncodedGeometry -> the glTF document, with every byte given its place."""

from __future__ import annotations

from assetpipe.asset import Image, Json, Mesh, Primitive, Scene
from assetpipe.container.arrays import ArrayPlaces
from assetpipe.container.encoded import EncodedGeometry, EncodedPrimitive, View
from assetpipe.container.extensions import declare
from assetpipe.container.layout import Layout
from assetpipe.errors import ConfigError

DRACO = "KHR_draco_mesh_compression"
TEXTURE_EXTENSIONS = {"image/webp": "EXT_texture_webp", "image/ktx2": "KHR_texture_basisu"}
CORE_IMAGES = ("image/png", "image/jpeg")


def assemble(scene: Scene, geometry: EncodedGeometry, layout: Layout) -> Json:
    """The whole document. Keys come in the order of the source, then those whose bulk had been lifted out."""
    meshes = [_mesh(mesh, own, layout) for mesh, own in zip(scene.meshes, geometry.meshes, strict=True)]
    arrays = ArrayPlaces(scene, layout)
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
