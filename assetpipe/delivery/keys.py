"""Where everything is in a store: by category, then resolution. Payloads carry their hash in the name and never change;
one key per asset, its pointer, does."""

from __future__ import annotations

from dataclasses import dataclass

from assetpipe.manifest import LevelRecord, Manifest

SHORT = 16
"""Hex digits of a sha256 in a name: 64 bits."""
IMMUTABLE = "public, max-age=31536000, immutable"
BRIEF = "public, max-age=60, stale-while-revalidate=600"


@dataclass(frozen=True)
class Keys:
    """Of one asset. A store's own prefix is not in them: stores add it."""

    category: str
    asset: str

    def level(self, level: LevelRecord) -> str:
        return f"{self.category}/{level.name}/{self.asset}.{level.sha256[:SHORT]}.glb"

    def poster(self, sha256: str) -> str:
        return f"{self.category}/poster/{self.asset}.{sha256[:SHORT]}.webp"

    @property
    def pointer(self) -> str:
        """The one mutable key of an asset: the manifest of its current revision."""
        return f"{self.category}/manifest/{self.asset}.json"

    def history(self, revision: str) -> str:
        """Every manifest ever published."""
        return f"{self.category}/history/{self.asset}/{revision}.json"

    @property
    def past(self) -> str:
        """What all history keys begin with."""
        return f"{self.category}/history/{self.asset}/"


def keys_of(manifest: Manifest) -> Keys:
    return Keys(manifest.category, manifest.asset)


def index_key(category: str, page: int = 0) -> str:
    """The web team's list of a category: `index.json`, then `index-1.json`, ..."""
    return f"{category}/manifest/index.json" if page == 0 else f"{category}/manifest/index-{page}.json"
