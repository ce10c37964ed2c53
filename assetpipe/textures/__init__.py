"""IMAGES -> IMAGES OF A LEVEL: what each image is for, its size, its encoding, and how to give up bytes gracefully.

Reading order: uses (what is it for), target (what should it be; the ladder), work (one image), stage (all of a scene).
"""

from assetpipe.textures.cache import TextureCache
from assetpipe.textures.info import ImageInfo, image_info
from assetpipe.textures.ktx2 import require_encoder
from assetpipe.textures.stage import encode_textures, estimate_textures
from assetpipe.textures.target import TextureTarget, ladder
from assetpipe.textures.work import decoded

__all__ = [
    "ImageInfo",
    "TextureCache",
    "TextureTarget",
    "decoded",
    "encode_textures",
    "estimate_textures",
    "image_info",
    "ladder",
    "require_encoder",
]
