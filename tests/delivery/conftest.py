"""What tests of stores share: servers, each started when first asked for, and an environment of nobody's."""

from __future__ import annotations

import os
import subprocess
import tempfile

import pytest

from tests.delivery.buckets import proxy, server, strict  # noqa: F401  fixtures
from tests.delivery.servers import ceph, ministack, ministack_auth, moto, of_nobody, real_s3  # noqa: F401  fixtures
from tests.delivery.subjects import store, subject  # noqa: F401  fixtures

CURES = {
    "real_s3": "on a real S3 server: tests/delivery/ceph_s3.sh starts one as root, ASSETPIPE_REAL_S3 names it",
    "mounts": "on disks of their own: they need the right to mount one",
}
NOT_RUN = pytest.StashKey[dict[str, int]]()


def pytest_configure(config: pytest.Config) -> None:
    for marker, cure in CURES.items():
        config.addinivalue_line("markers", f"{marker}: {cure}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What this machine cannot give is neither passed nor skipped: it is left out, and the run says how much."""
    config.stash[NOT_RUN] = {}
    for marker, there in (("real_s3", real_s3), ("mounts", may_mount)):
        asked = [item for item in items if item.get_closest_marker(marker)]
        if asked and not there():
            config.stash[NOT_RUN][marker] = len(asked)
            config.hook.pytest_deselected(items=asked)
            items[:] = [item for item in items if item not in asked]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for marker, count in config.stash.get(NOT_RUN, {}).items():
        terminalreporter.write_line(f"NOT RUN: {count} tests {CURES[marker]}")


def may_mount() -> bool:
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "assetpipe-test", place]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            return False
        subprocess.run(["umount", "--lazy", place], check=True)
        return True
