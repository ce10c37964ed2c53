"""Tests marked `node` need node and its packages: without them they are skipped on a laptop and fail in CI."""

import os

import pytest

from assetpipe.errors import ServiceUnavailable
from assetpipe.node import install_packages, node_ready


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("node") is None or node_ready():
        return
    reason = _try_to_install()
    if reason and os.environ.get("CI"):
        pytest.fail(f"{reason} (a missing tool is a failure in CI)", pytrace=False)
    if reason:
        pytest.skip(reason)


def _try_to_install() -> str:
    try:
        install_packages()
    except ServiceUnavailable as error:
        return error.message
    return "" if node_ready() else "node is not ready"
