"""Where a query goes on: a token that a URL or a command line can carry, and that says nothing else."""

from __future__ import annotations

import base64
import json

from assetpipe.errors import UsageError


def after_token(updated: float, asset: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([updated, asset]).encode()).decode().rstrip("=")


def read_token(token: str) -> tuple[float, str]:
    try:
        updated, asset = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return float(updated), str(asset)
    except (ValueError, TypeError):
        raise UsageError("E_AFTER", f"{token!r} is no place in a list", hint="use what the page before gave") from None
