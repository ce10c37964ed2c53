"""What a terminal shows of a batch, and programs are told: an asset is under way when somebody is at work on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.batch.board import Board
from assetpipe.batch.calls import plan_batch
from assetpipe.log import Bars, Event
from tests.batch.nights import items


def test_planning_is_nobody_s_work(tmp_path: Path) -> None:
    """A thousand sources are told of a hundred times at most, and as events of no asset: no bar of its own for each,
    and no seconds in the metrics that were spent waiting."""
    items(tmp_path / "in", [f"a{number:03}" for number in range(250)])
    heard: list[Event] = []
    plan_batch([tmp_path / "in"], report=heard.append)
    assert {event.asset for event in heard} == {""}
    assert [event.message for event in heard][:2] == ["planning: 0 of 250", "planning: 3 of 250"]
    assert len(heard) <= 101


def test_a_bar_is_there_while_its_asset_is_under_way() -> None:
    """One for the whole, and one for each that has begun and has not ended."""
    board = Board()
    for event in (
        Event("step", "", "planning: 0 of 2"),
        Event("step", "chair", "reading", 0.1),
        Event("step", "table", "reading", 0.1),
        Event("failed", "chair", "E_CRASH: chair [broken]"),
    ):
        board(event)
    bars = board.rows.progress.tasks
    assert [(task.fields["asset"], task.description) for task in bars] == [
        ("batch", "planning: 0 of 2"),
        ("table", "reading"),
    ]


@pytest.mark.parametrize("kind", [Bars, Board])
def test_what_strangers_have_named_is_shown_and_not_obeyed(
    kind: type[Bars | Board], capsys: pytest.CaptureFixture[str]
) -> None:
    """Square brackets are rich's markup, and a closing one that was never opened its error."""
    with kind() as report:
        report(Event("step", "chair", "reading [/red] [blink]x\x1b[2J", 0.1))
        report(Event("warning", "", "image [/red] of [link=x]y"))
        report(Event("done", "chair", "[bold]done\\"))
    said = capsys.readouterr().err
    assert "image [/red] of [link=x]y" in said
    assert "[bold]done\\" in said
