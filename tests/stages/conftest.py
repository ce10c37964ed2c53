"""What tests of the cache share with those of stores: the servers, and their marker."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_s3: needs Ceph RGW, see tests/delivery/servers.py")
