"""Two models -> how alike three.js draws them: SSIM from six sides, each view filled by the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import Box
from assetpipe.quality.likeness import Likeness, reached, ssim
from tests.browser import load_in_three

GREY = 124
"""Of the background: 0.2 of white in linear light, as the build's own pictures are compared on."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """Of models, as three.js drew them."""

    likeness: Likeness
    shown: Sequence[dict[str, Any]]
    """What `load_in_three` says of each."""


def compare_in_three(paths: Sequence[Path], box: Box, px: int, out: Path, *, samples: int) -> Pair:
    """`box` is what the six views are framed by."""
    shown = load_in_three(paths, out, cameras=views(box), samples=samples, px=px)
    pairs = zip(*(map(open_picture, each["pictures"]) for each in shown), strict=True)
    return Pair(Likeness(tuple(_alike(*pair) for pair in pairs)), shown)


def open_picture(path: str) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGBA"))


def over(picture: Pixels, grey: int) -> Pixels:
    """RGBA on a grey -> RGB."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.rint(picture[..., :3] * alpha + grey * (1 - alpha)).astype(np.uint8)


def _alike(one: Pixels, other: Pixels) -> float:
    where = reached((one[..., 3] > 0) | (other[..., 3] > 0))
    return ssim(over(one, GREY), over(other, GREY), where)
