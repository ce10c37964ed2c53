"""A pytest plugin for CI (`-p tests.ci_no_skips`): a test that is skipped has failed.

A skip is for a laptop without the tool; in CI it would hide that nothing was tested. Data sets of others that may not
lie in this repository are the one exception: their tests say so in the reason.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

MAY_BE_ABSENT = "not beside this checkout"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """`importorskip` at the top of a file skips the whole file."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if MAY_BE_ABSENT not in reason:
        report.outcome = "failed"
        report.longrepr = f"{reason} (a skipped test is a failure in CI)"
