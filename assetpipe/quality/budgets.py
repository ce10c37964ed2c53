"""What shops, platforms and Khronos allow, as a table: name -> Budget. What is measured, `checks.py` says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from assetpipe.config import Level
from assetpipe.errors import UsageError

MB = 1_000_000


@dataclass(frozen=True)
class Limit:
    """A value outside `least`..`most` fails; one above `advised` is worth a warning."""

    least: float | None = None
    most: float | None = None
    advised: float | None = None


@dataclass(frozen=True)
class Budget:
    name: str
    limits: Mapping[str, Limit]
    """By the name of the check in `audit.CHECKS`, in the order of the findings."""


def _most(value: float, advised: float | None = None) -> Limit:
    return Limit(most=value, advised=advised)


PROFILES: Mapping[str, Mapping[str, Limit]] = {
    # KhronosGroup/gltf-asset-auditor, tests/schemas/khronos-recommended.json. Its KB are 1024 bytes. Bevelled and
    # manifold edges are off there, and so is a product's own size.
    "khronos": {
        "file size": _most(5120 * 1024),
        "triangles": _most(100_000),
        "materials": _most(5),
        "nodes": _most(5),
        "meshes": _most(5),
        "primitives": _most(5),
        "moved roots": _most(0),
        "smallest extent": Limit(least=0.01),
        "largest extent": _most(100.0),
        "texture size": _most(2048),
        "smallest texture": Limit(least=512),
        "odd texture sizes": _most(0),
        "darkest base colour": Limit(least=30),
        "brightest base colour": _most(240),
        "texel density": _most(100_000),
        "UV outside 0..1": _most(0),
        "mirrored UV triangles": _most(0),
        "overlapping UVs": _most(0),
    },
    # Khronos 3D Commerce, asset creation guidelines 1.0, publishing targets: the table, not the prose (they
    # differ for banners).
    "khronos-mobile": {
        "file size": _most(3 * MB),
        "triangles": _most(150_000),
        "draw calls": _most(500, advised=20),
        "texture size": _most(2048),
    },
    "khronos-desktop": {
        "file size": _most(3 * MB),
        "triangles": _most(250_000),
        "draw calls": _most(800, advised=100),
        "texture size": _most(2048),
    },
    "khronos-planner": {
        "file size": _most(1 * MB),
        "triangles": _most(40_000),
        "draw calls": _most(50, advised=5),
        "texture size": _most(1024),
    },
    "khronos-banner": {
        "file size": _most(0.5 * MB),
        "triangles": _most(30_000),
        "draw calls": _most(100, advised=5),
        "texture size": _most(512),
    },
    # help.shopify.com, 3D modeling checklist, and the Model3dSource type: 500 MB is refused, above 15 MB Shopify makes
    # a file of its own; one material is asked for.
    "shopify": {"file size": _most(500 * MB, advised=15 * MB), "materials": Limit(advised=1)},
    # support.google.com/merchants/answer/13674896: 15 MB at most, 10 recommended, no 4K textures.
    "google": {"file size": _most(15 * MB, advised=10 * MB), "texture size": _most(2048)},
    # Scene Viewer, the limits shown in 2019; later posts are laxer, so they advise and do not refuse.
    "google-ar": {
        "file size": _most(15 * MB, advised=10 * MB),
        "vertices": Limit(advised=30_000),
        "materials": Limit(advised=10),
        "UV sets": _most(1),
        "texture size": _most(2048),
        "images no phone reads": _most(0),
    },
    # AR Quick Look, WWDC 2018: 100,000 polygons, one set of 2048² PBR textures.
    "apple": {
        "triangles": _most(100_000),
        "materials": Limit(advised=1),
        "texture size": _most(2048),
        "images no phone reads": _most(0),
    },
    # Copies of Seller Central's 3D guidelines; the stricter of the two figures that circulate is advised.
    "amazon": {
        "triangles": _most(200_000, advised=150_000),
        "texture size": _most(4096),
        "smallest texture": Limit(least=2048),
        "images no phone reads": _most(0),
    },
    # developers.snap.com, lens assets; 60,000 triangles when skinned.
    "snap": {"file size": _most(8 * MB), "triangles": _most(100_000), "texture size": _most(2048)},
    # kargo.co.uk, XR asset requirements.
    "kargo": {
        "file size": _most(10 * MB),
        "triangles": _most(100_000, advised=50_000),
        "UV sets": _most(1),
        "texture size": _most(2048),
    },
    # docs.myepigraph.com
    "epigraph": {"triangles": _most(200_000)},
}


def level_budget(level: Level) -> Budget:
    """What our own level promises."""
    return Budget(
        "the level",
        {
            "file size": _most(level.max_bytes),
            "triangles": _most(level.max_triangles),
            "texture size": _most(level.texture_px),
        },
    )


def profile_budget(profile: str) -> Budget:
    if profile not in PROFILES:
        near = difflib.get_close_matches(profile, PROFILES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            "E_PROFILE", f"there is no profile {profile!r}", hint=f"{hint}there are: {', '.join(sorted(PROFILES))}"
        )
    return Budget(profile, PROFILES[profile])
