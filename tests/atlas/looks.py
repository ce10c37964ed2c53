"""What a surface looks like at points of its triangles: materials looked up by glTF's rules, with nothing of ours."""

from __future__ import annotations

import math

import numpy as np

from assetpipe.asset import Array, Image, Json, Material, Mesh, Node, Primitive, Scene
from assetpipe.atlas import Pictures, Sizes
from assetpipe.config import Textures, load_config
from assetpipe.textures import image_info
from assetpipe.textures.decode import decode

FINE = Sizes(finest=1024, coarsest=128)


def pictures() -> Pictures:
    def size(image: Image) -> tuple[int, int]:
        info = image_info(image)
        return info.width, info.height

    return Pictures(size, lambda image: decode(image.data, image.name).array)


def settings(**changes: object) -> Textures:
    return load_config().textures.model_copy(update={"atlas": "always", **changes})


def quad(uvs: Array, material: int, *, side: float = 1.0, at: float = 0.0, **more: Array) -> Primitive:
    """A square of two triangles in the plane z = 0; uvs: (4, 2) of its lower left, lower right, upper left, upper right
    corners."""
    corners = np.array([(at, 0, 0), (at + side, 0, 0), (at, side, 0), (at + side, side, 0)], np.float32)
    attributes = {
        "POSITION": corners,
        "NORMAL": np.tile(np.float32([0, 0, 1]), (4, 1)),
        "TEXCOORD_0": np.ascontiguousarray(uvs, np.float32),
        **more,
    }
    return Primitive(4, np.array([0, 1, 2, 2, 1, 3], np.uint32), attributes, json={"material": material})


def square(left: float, top: float, right: float, bottom: float) -> Array:
    """UVs of a quad that shows this part of a picture upright."""
    return np.array([(left, bottom), (right, bottom), (left, top), (right, top)], np.float32)


def scene(primitives: list[Primitive], materials: list[Material], images: list[Image], **json: object) -> Scene:
    textures = [{"source": at, "sampler": 0} for at in range(len(images))]
    document: Json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}],
        "textures": textures,
        **json,
    }
    return Scene((Node({"mesh": 0}),), (Mesh(tuple(primitives)),), tuple(materials), tuple(images), json=document)


def spots(primitive: Primitive, count: int, *, seed: int = 1) -> tuple[Array, Array]:
    """Triangles (n, 3) and weights (n, 3) of random points, the same `count` on each triangle."""
    first, second = np.random.default_rng(seed).random((2, count))
    root = np.sqrt(first)
    weights = np.stack([1 - root, root * (1 - second), root * second], axis=1)
    triangles = primitive.indices.reshape(-1, 3)
    return triangles.repeat(count, axis=0), np.tile(weights, (len(triangles), 1))


def uvs_at(primitive: Primitive, faces: Array, weights: Array, uv_set: int = 0) -> Array:
    corners = primitive.attributes[f"TEXCOORD_{uv_set}"].astype(np.float64)[faces]
    return np.einsum("nk,nkd->nd", weights, corners)


def texels(scene: Scene, info: Json, primitive: Primitive, where: tuple[Array, Array], *, colour: bool) -> Array:
    """(n, 4) bilinear lookups of a textureInfo, 0..1, colours as light."""
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    uvs = uvs_at(primitive, *where, moved.get("texCoord", info.get("texCoord", 0)))
    turn, (x, y) = moved.get("rotation", 0.0), moved.get("scale", (1, 1))
    u, v = uvs[:, 0] * x, uvs[:, 1] * y
    c, s = math.cos(turn), math.sin(turn)
    left, top = moved.get("offset", (0, 0))
    uvs = np.stack([c * u + s * v + left, -s * u + c * v + top], axis=1)
    texture = scene.json["textures"][info["index"]]
    pixels = decode(scene.images[texture["source"]].data, "test").rgba / 255
    if colour:
        pixels = np.concatenate([light(pixels[..., :3]), pixels[..., 3:]], axis=2)
    sampler = scene.json["samplers"][texture["sampler"]]
    return bilinear(pixels, uvs, (sampler.get("wrapS", 10497), sampler.get("wrapT", 10497)))


def light(code: Array) -> Array:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def bilinear(pixels: Array, uvs: Array, wrap: tuple[int, int] = (33071, 33071)) -> Array:
    height, width = pixels.shape[:2]
    x, y = uvs[:, 0] * width - 0.5, uvs[:, 1] * height - 0.5
    found = np.zeros((len(uvs), pixels.shape[2]))
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - np.floor(x))) * np.abs(1 - dy - (y - np.floor(y)))
            columns = _wrapped(np.floor(x).astype(int) + dx, width, wrap[0])
            rows = _wrapped(np.floor(y).astype(int) + dy, height, wrap[1])
            found += share[:, None] * pixels[rows, columns]
    return found


def _wrapped(at: Array, size: int, mode: int) -> Array:
    if mode == 10497:
        return at % size
    if mode == 33648:
        return np.minimum(at % (2 * size), 2 * size - 1 - at % (2 * size))
    return np.clip(at, 0, size - 1)


def look(scene: Scene, primitive: Primitive, where: tuple[Array, Array]) -> dict[str, Array]:
    """Base colour, occlusion, roughness, metalness, normal, emission at points, by the core of glTF 2.0."""
    material = scene.materials[primitive.json["material"]].json
    pbr = material.get("pbrMetallicRoughness", {})
    ones = np.ones((len(where[0]), 4))

    def lookup(holder: Json, name: str, *, colour: bool = False) -> Array:
        info = holder.get(f"{name}Texture")
        return texels(scene, info, primitive, where, colour=colour) if info else ones

    base = lookup(pbr, "baseColor", colour=True) * pbr.get("baseColorFactor", [1, 1, 1, 1])
    rough = lookup(pbr, "metallicRoughness")
    strength = material.get("occlusionTexture", {}).get("strength", 1.0)
    glow = material.get("extensions", {}).get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
    bump = material.get("normalTexture", {}).get("scale", 1.0)
    vector = lookup(material, "normal")[:, :3] * 2 - 1 if "normalTexture" in material else ones[:, :3] * [0, 0, 1]
    vector = vector * [bump, bump, 1]
    return {
        "baseColor": base if material.get("alphaMode", "OPAQUE") != "OPAQUE" else base * [1, 1, 1, 0],
        "occlusion": 1 + strength * (lookup(material, "occlusion")[:, :1] - 1),
        "roughness": rough[:, 1:2] * pbr.get("roughnessFactor", 1.0),
        "metallic": rough[:, 2:3] * pbr.get("metallicFactor", 1.0),
        "normal": vector / np.linalg.norm(vector, axis=1, keepdims=True),
        "emission": lookup(material, "emissive", colour=True)[:, :3] * material.get("emissiveFactor", [0, 0, 0]) * glow,
    }


def looks(scene: Scene, *, count: int = 60) -> dict[str, Array]:
    """At points of all triangles, in order: merging primitives keeps their order."""
    parts = [look(scene, each, spots(each, count)) for mesh in scene.meshes for each in mesh.primitives]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
