"""What tests of stores share: servers, each started when first asked for, and an environment of nobody's."""

from __future__ import annotations

import pytest

from tests.delivery.servers import ceph, ministack, ministack_auth, moto, of_nobody, real_s3  # noqa: F401  fixtures
from tests.delivery.subjects import store, subject  # noqa: F401  fixtures

NOT_RUN = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_s3: needs Ceph RGW, see tests/delivery/servers.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a real server its tests are neither passed nor skipped: they are left out, and the run says how many."""
    if real_s3():
        return
    left_out = [item for item in items if item.get_closest_marker("real_s3")]
    config.stash[NOT_RUN] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("real_s3")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(NOT_RUN, 0):
        cure = "tests/delivery/ceph_s3.sh start ROOT as root starts one, ASSETPIPE_REAL_S3 names it"
        terminalreporter.write_line(f"NOT RUN: {left_out} tests on a real S3 server: {cure}")
