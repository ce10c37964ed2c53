"""A build with a cache: the same bytes, and nothing computed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.places import ALL, asset, build, config, shelf


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asset(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def cold(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return build(source, tmp_path_factory.mktemp("cold"), config()).files


def test_a_warm_build_computes_nothing_and_gives_the_same_bytes(
    source: Path, cold: dict[str, str], tmp_path: Path
) -> None:
    """Without a cache, with an empty one and with a full one: one bundle."""
    first = build(source, tmp_path / "a", config(), shelf(tmp_path / "cache"))
    second = build(source, tmp_path / "b", config(), shelf(tmp_path / "cache"))
    assert (first.calls, second.calls) == (ALL, {})
    assert first.files == second.files == cold
    assert (first.warnings, second.warnings) == ([], [])
