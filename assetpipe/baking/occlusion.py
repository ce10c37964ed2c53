"""The word by which occlusion maps that a build has baked are known from those that an author has painted."""

from __future__ import annotations

from dataclasses import replace

from assetpipe.asset import Material, Scene

NAME = "baked occlusion"
"""Of the picture."""


def has_baked(scene: Scene) -> bool:
    return any(image.name == NAME for image in scene.images)


def without_occlusion(scene: Scene) -> Scene:
    """Neither painted nor baked."""
    return replace(scene, materials=tuple(map(_bare, scene.materials)))


def _bare(material: Material) -> Material:
    return Material({key: value for key, value in material.json.items() if key != "occlusionTexture"})
