"""What an operator sees of a run beside its jobs: what nobody has come back from."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.batch.aws import Ask, submit
from assetpipe.batch.status import Sources, status_of
from assetpipe.commands.batch_tables import show_status
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.rounds import WORK, Rounds
from tests.batch.mock_aws import items, with_batch
from tests.batch.standin import Standin


def test_rounds_that_nobody_ended_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A publisher was stopped over a category's index long ago: status names the category and the cure; one that has
    just begun is at it."""
    store, every = MemoryStore(), 60.0
    cloud = Standin(tmp_path, [])
    config = with_batch({"queue": "night", "job_definition": "assetpipe"})
    submission = submit(items("sources", 1), config, Ask(cloud, store))
    assert Rounds(store, every).join("lamps") == "ours"
    assert status_of(submission.run, Sources(store, cloud)).unfinished == ()
    old = Sources(store, cloud, index_seconds=-WORK)
    assert status_of(submission.run, old).unfinished == ("lamps",)
    show_status(status_of(submission.run, old))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("behind: ")]
    assert "lamps" in line
    assert line.endswith(f"assetpipe catalog finish --store {store.url}")
