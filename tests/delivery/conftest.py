"""What tests of stores share: servers, each started when first asked for, and an environment of nobody's."""

from __future__ import annotations

import pytest

from tests.delivery.servers import ceph, ministack, ministack_auth, moto, of_nobody  # noqa: F401  fixtures
from tests.delivery.subjects import store, subject  # noqa: F401  fixtures


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_s3: needs Ceph RGW, see tests/delivery/servers.py")
