"""Sources, their levels, and what a viewer would show of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Deviation, Image, Json, Material, Mesh, Node, Primitive, Scene
from assetpipe.baking import Surface
from assetpipe.geometry import Decimated, decimate
from assetpipe.geometry.surface import Target
from assetpipe.rebaking import Asked, rebake
from assetpipe.textures import TextureCache
from assetpipe.textures.decode import decode
from tests import shapes
from tests.baking import scenes

PX = 256
HEIGHT = 0.03


def height(x: Array, z: Array) -> Array:
    return np.asarray(HEIGHT * np.sin(7 * x) * np.cos(5 * z))


def normals_at(points: Array) -> Array:
    """Of the bumpy sheet, by its formula."""
    x, z = points[:, 0], points[:, 2]
    slopes = [-HEIGHT * 7 * np.cos(7 * x) * np.cos(5 * z), np.ones_like(x), HEIGHT * 5 * np.sin(7 * x) * np.sin(5 * z)]
    return scenes.unit(np.stack(slopes, axis=1))


def sheet(cells: int = 60, material: int | None = 0, *, uvs: bool = True) -> Primitive:
    """Waves over the square -1..1 of x and z, seen from above, its picture upright."""
    made, indices = shapes.grid(cells, cells)
    x, z = made[:, 0] * 2.0 - 1, made[:, 1] * 2.0 - 1
    points = np.stack([x, height(x, z), z], axis=1)
    found = shapes.primitive(points, normals_at(points), made, indices, material)
    kept = {name: values for name, values in found.attributes.items() if uvs or name != "TEXCOORD_0"}
    return replace(found, attributes=kept)


def coarse(cells: int = 6, material: int | None = 0, *, uvs: bool = True) -> Primitive:
    """The same with 2 * cells² triangles, flat normals: what a hard descent leaves."""
    found = sheet(cells, material, uvs=uvs)
    points = found.positions * np.array([1, 0, 1], np.float32)
    up = np.tile(np.array([0, 1, 0], np.float32), (len(points), 1))
    return replace(found, attributes={**found.attributes, "POSITION": points, "NORMAL": up})


def scene(
    *primitives: Primitive, material: Json | None = None, images: tuple[Image, ...] = (), **json: object
) -> Scene:
    """One mesh; each image is a texture."""
    document: Json = {"textures": [{"source": at} for at in range(len(images))], **json}
    return shapes.scene(*primitives, materials=(Material(material or {"name": "cloth"}),), images=images, **document)


def level_of(source: Scene, *primitives: Primitive, torn: bool = False) -> Decimated:
    made = replace(source, meshes=(replace(source.meshes[0], primitives=primitives), *source.meshes[1:]))
    return Decimated(made, 0.0, (), Deviation(HEIGHT, HEIGHT / 2), torn=torn)


def asked(*, always: bool = False, levels: int = 1) -> Asked:
    return Asked(always=always, degrees=3.0, px=[PX] * levels, device="cpu")


def rebaked(source: Scene, level: Decimated, *, always: bool = False) -> Decimated:
    return rebake(source, [level], asked(always=always), TextureCache())[0]


def decimated(source: Scene, triangles: int) -> Decimated:
    return decimate(source, [Target(triangles, 0.0)])[0]


def texture(found: Scene, *path: str, material: int = 0) -> tuple[Array, Json]:
    """(h, w, channels) of the textureInfo at `path`, and the textureInfo."""
    info: Json = found.materials[material].json
    for key in path:
        info = info[key]
    image = found.images[found.json["textures"][info["index"]]["source"]]
    return decode(image.data, "test").array, info


def surface(primitive: Primitive, uv_set: int = 0) -> Surface:
    """With the tangents that it carries, as the viewer gets it."""
    found = primitive.attributes
    uvs = {0: found[f"TEXCOORD_{uv_set}"]}
    return Surface(primitive.positions, primitive.indices, found["NORMAL"], found["TANGENT"], uvs)


def shown_normals(found: Scene, primitive: Primitive) -> tuple[Array, Array]:
    """(n, 3) normals as three.js shows them at texels of the normal map, and where those lie in the mesh."""
    pixels, info = texture(found, "normalTexture", material=primitive.material or 0)
    made = surface(primitive, info.get("texCoord", 0))
    texels = scenes.shown(made, len(pixels))
    return scenes.decoded(made, pixels, texels), scenes.at_texels(made, made.positions, texels)


def only(found: Scene, mesh: int = 0) -> Primitive:
    (primitive,) = found.meshes[mesh].primitives
    return primitive


def nodes(found: Scene, *placed: Json) -> Scene:
    """Shown by these nodes, mesh 0 if they do not say."""
    made = tuple(Node({"mesh": 0, **json}) for json in placed)
    return replace(found, nodes=made, json={**found.json, "scenes": [{"nodes": list(range(len(made)))}]})


def meshes(found: Scene, *primitives: Primitive) -> Scene:
    """Each a mesh of its own."""
    return replace(found, meshes=tuple(Mesh((each,)) for each in primitives))
