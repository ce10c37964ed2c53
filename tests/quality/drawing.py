"""What the renderer is given in tests, and how its pictures are read."""

import numpy as np

from assetpipe.asset import Array, Json, Material, Primitive
from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import Box, Drawable, Texture
from assetpipe.quality.render import Frame, Look, render
from tests.shapes import primitive

PLAIN = Look(samples=2, rays=0)
RED, GREEN, BLUE, WHITE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 255)
CLAMP, MIRROR = 33071, 33648


def drawable(shape: Primitive, material: Json | None = None, move: tuple[float, ...] = (0, 0, 0)) -> Drawable:
    return Drawable(
        positions=(shape.positions + np.array(move)).astype(np.float32),
        indices=shape.indices,
        normals=shape.attributes["NORMAL"],
        uvs={0: shape.attributes["TEXCOORD_0"]},
        material=None if material is None else Material(material),
    )


def square(uv_scale: float = 1.0) -> Primitive:
    """2 m wide, about the origin, facing +Z, its texture upright."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 0]]) * uv_scale
    return primitive(corners, np.tile([0, 0, 1.0], (4, 1)), uvs, np.array([0, 1, 2, 0, 2, 3]))


def unlit(**extra: object) -> Json:
    return {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
        "extensions": {"KHR_materials_unlit": {}},
        **extra,
    }


def matt(**extra: object) -> Json:
    return {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0, **extra}}


def texels(*rows: list[tuple[int, ...]]) -> Array:
    return np.array(rows, np.uint8)


def front(*drawables: Drawable, texture: Array | None = None, px: int = 64, wrap: int = 10497) -> Frame:
    """From +Z, in parallel, 2.04 m wide."""
    textures = {} if texture is None else {0: Texture(texture, (wrap, wrap))}
    camera = views(Box(np.array([-1.0, -1.0, -1.0]), np.array([1.0, 1.0, 1.0])), 1)[0]
    return render(drawables, textures, camera, px, PLAIN)


def colour_at(frame: Frame, x: float, y: float) -> tuple[int, ...]:
    """x and y from 0 to 1, from the top left."""
    pixels = frame.rgba()
    return tuple(int(part) for part in pixels[int(y * len(pixels)), int(x * len(pixels))])
