"""What `assetpipe catalog verify|rollback|gc` call."""

from __future__ import annotations

from assetpipe.delivery.garbage import Collected, gc
from assetpipe.delivery.rollback import revisions, rollback
from assetpipe.delivery.verify import Fault, Verified, verify

__all__ = ["Collected", "Fault", "Verified", "gc", "revisions", "rollback", "verify"]
