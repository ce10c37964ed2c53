"""`[publish]`: how a publish goes. Nothing here changes what is in a bundle, so it's no part of a config's sha256."""

from __future__ import annotations

from assetpipe.config import Count, Settings


class Publish(Settings):
    threads: Count
    """Payloads of one bundle on their way at a time; for many bundles, bundles at a time."""
    index_entries: Count
    """Assets on one page of a category's index."""
