"""What one asset does touches no other, and what is done is done once: with real processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assetpipe.batch.gauge import gauged
from assetpipe.batch.machine import free_memory, processes, share_cores
from assetpipe.batch.run import carry_out
from assetpipe.errors import LimitExceeded, TryAgain
from assetpipe.log import Event
from tests.batch.nights import batch, items, read_journal, start_runner, started, wait_for
from tests.commands import run


def codes(out: Path) -> dict[str, str]:
    lines = (out / "quarantine.jsonl").read_text().splitlines()
    return {record["asset"]: record["code"] for record in map(json.loads, lines)}


def test_a_batch_does_every_asset_once_and_a_second_run_none(tmp_path: Path) -> None:
    """Every asset has its bundle; the same batch again starts nobody."""
    wanted = items(tmp_path / "in", [f"a{number}" for number in range(6)])
    first = carry_out(batch(tmp_path / "out", wanted))
    assert (first.done, first.kept, first.quarantined) == (6, 0, 0)
    assert all((tmp_path / "out" / item.asset / "manifest.json").is_file() for item in wanted)
    again = carry_out(batch(tmp_path / "out", wanted))
    assert (again.done, again.kept, again.quarantined) == (0, 6, 0)
    assert sorted(started(tmp_path / "out")) == [item.asset for item in wanted]


def test_what_changed_is_done_again(tmp_path: Path) -> None:
    """A source that was written to, a bundle that is gone, a store that is another: each costs its asset a run."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["a", "b", "c"])
    carry_out(batch(out, wanted))
    Path(wanted[0].source).write_text("newer")
    (out / "b" / "manifest.json").unlink()
    carry_out(batch(out, wanted))
    assert Counter(started(out)) == {"a": 2, "b": 2, "c": 1}
    carry_out(batch(out, wanted, force=True))
    assert Counter(started(out)) == {"a": 3, "b": 3, "c": 2}


def test_a_crash_is_tried_once_more_and_then_set_aside(tmp_path: Path) -> None:
    """SIGSEGV may be the machine's fault once; twice it's the source's. Others are built meanwhile."""
    out = tmp_path / "out"
    summary = carry_out(batch(out, items(tmp_path / "in", ["crash", "once", "good"])))
    assert (summary.done, summary.reasons) == (2, (("E_CRASH", 1),))
    assert Counter(started(out)) == {"crash": 2, "once": 2, "good": 1}
    record = json.loads((out / "quarantine.jsonl").read_text())
    assert "SIGSEGV" in record["message"]
    assert record["repro"] == f"assetpipe build {tmp_path / 'in' / 'crash.glb'} --asset crash --out repro"


def test_what_may_pass_is_tried_again_and_not_for_ever(tmp_path: Path) -> None:
    """Exit 75 costs an attempt and a pause; when attempts are used up its last reason stands."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["flaky"])
    assert carry_out(batch(out, wanted, retries=2)).done == 1
    assert started(out) == ["flaky"] * 3
    other = tmp_path / "other"
    assert carry_out(batch(other, wanted, retries=1)).reasons == (("E_BUSY", 1),)
    assert started(other) == ["flaky"] * 2


def test_a_deadline_ends_the_whole_family_and_leaves_nothing(tmp_path: Path) -> None:
    """A child that is deaf to SIGTERM, its child, and one that left its group: all gone soon after the deadline, and
    so is the temporary folder."""
    out, begun = tmp_path / "out", time.monotonic()
    wanted = (*items(tmp_path / "in", ["hang"], deadline=4.0), *items(tmp_path / "in", ["good"]))
    summary = carry_out(batch(out, wanted))
    assert 4.0 < time.monotonic() - begun < 100, "whoever waits for the one that left the group waits for 600 s"
    assert (summary.done, summary.reasons) == (1, (("E_DEADLINE", 1),))
    alive = processes()
    assert not [pid for pid in json.loads((out / "hung.json").read_text()) if pid in alive]
    assert list((out / ".batch" / "jobs").iterdir()) == []


def test_memory_is_held_to_its_limit(tmp_path: Path) -> None:
    """A child that takes more than its share goes; the message has what it took."""
    out = tmp_path / "out"
    summary = carry_out(batch(out, items(tmp_path / "in", ["greedy", "good"]), memory_mb=150))
    assert (summary.done, summary.reasons) == (1, (("E_MEMORY", 1),))
    record = json.loads((out / "quarantine.jsonl").read_text())
    assert 150 < record["peak_mb"] < 1_500
    assert f"{record['peak_mb']:,} MB of memory, limit 150 MB" in record["message"]


def test_a_disk_without_room_for_a_word_is_the_disk_s_fault(tmp_path: Path) -> None:
    """A child that cannot even write why it failed says so by its exit code; its source is not blamed for a crash."""
    summary = carry_out(batch(tmp_path / "out", items(tmp_path / "in", ["mute"])))
    assert summary.reasons == (("E_DISK_FULL", 1),)
    record = json.loads(summary.quarantine.read_text())
    assert (record["attempts"], "free some space" in record["hint"]) == (1, True)


def test_nobody_believes_a_child_that_makes_no_sense(tmp_path: Path) -> None:
    """Exit 0 with an outcome that is none, and a line without end: a crash, not a success."""
    assert carry_out(batch(tmp_path / "out", items(tmp_path / "in", ["liar"]))).reasons == (("E_CRASH", 1),)


def test_assets_wait_for_memory_that_others_are_expected_to_take(tmp_path: Path) -> None:
    """Three assets that are each said to need most of the machine run one after the other, whatever --workers says."""
    most = int(free_memory() / 1e6 * 0.6)
    wanted, running, most_at_once = items(tmp_path / "in", ["slow-1", "slow-2", "slow-3"], memory_mb=most), set(), 0

    def hear(event: Event) -> None:
        nonlocal most_at_once
        if event.message == "thinking":
            running.add(event.asset)
        most_at_once = max(most_at_once, len(running))
        if event.message == "built":
            running.discard(event.asset)

    carry_out(replace(batch(tmp_path / "out", wanted, workers=3), report=hear))
    assert most_at_once == 1


def test_workers_share_the_cores() -> None:
    """Each core has as many workers as any other, to one; where there are cores to spare, a worker has several."""
    cores = sorted(os.sched_getaffinity(0))
    assert share_cores(1) == [tuple(cores)]
    for workers in (1, 2, 3, len(cores), 2 * len(cores) + 1):
        shares = share_cores(workers)
        assert len(shares) == workers
        load = Counter(core for share in shares for core in share)
        assert max(load.values()) - min(load[core] for core in cores) <= 1
        assert {len(share) for share in shares} == {max(1, len(cores) // workers)}


def test_a_child_speaks_for_its_own_asset(tmp_path: Path) -> None:
    """Whatever name it gives itself."""
    heard: list[Event] = []
    carry_out(replace(batch(tmp_path / "out", items(tmp_path / "in", ["a"])), report=heard.append))
    assert {event.asset for event in heard} == {"a", ""}


def test_a_runner_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 in the middle: its children die with it, and the next run starts only what was not finished."""
    out, hopeless = tmp_path / "out", items(tmp_path / "in", ["crash"], seconds=99)
    wanted = (*hopeless, *items(tmp_path / "in", [f"slow-{number:02}" for number in range(12)]))
    runner = start_runner(out, wanted)
    wait_for(lambda: len(started(out)) >= 7)
    pids = [int(line.split()[2]) for line in (out / "started.log").read_text().splitlines()]
    runner.kill()
    runner.communicate()
    wait_for(lambda: not [pid for pid in pids if pid in processes()])
    done = {entry.asset for entry in read_journal(out, lambda journal: list(journal.all("done")))}
    assert 2 <= len(done) < 12
    begun = Counter(started(out))

    summary = carry_out(batch(out, wanted))
    assert (summary.done + summary.kept, summary.kept, summary.quarantined) == (12, len(done), 1)
    assert all(begun[asset] == Counter(started(out))[asset] for asset in done)
    assert Counter(started(out))["crash"] == 2  # given up once: going on does not try it again


def test_children_die_with_their_runner(tmp_path: Path) -> None:
    """Not only when it asks them to: the system ends a build whose runner is gone."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["real"])
    Path(wanted[0].source).write_text("o thing\n" + "".join(f"v {n} {n % 7} 1\nf -1 -1 -1\n" for n in range(300_000)))
    runner = start_runner(out, (wanted[0].model_copy(update={"source": str(_named_obj(wanted[0].source))}),))
    assert runner.stderr is not None
    assert any('"reading"' in line for line in runner.stderr)
    child = int((out / "started.log").read_text().split()[2])
    assert child in processes()
    runner.kill()
    wait_for(lambda: child not in processes())
    runner.communicate()


def test_sigterm_drains(tmp_path: Path) -> None:
    """Within seconds: no child is left, what is finished is written down, exit 75; a later run does the rest."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["a", "b", "hang", "later"])
    runner = start_runner(out, wanted, workers=1)
    wait_for(lambda: (out / "hung.json").exists() and "hang" in started(out))
    begun = time.monotonic()
    runner.send_signal(signal.SIGTERM)
    said = runner.communicate(timeout=120)[1]
    assert (runner.returncode, "E_BATCH_DRAINED" in said) == (75, True)
    assert time.monotonic() - begun < 60, "the child would go on for ever"
    assert not [pid for pid in json.loads((out / "hung.json").read_text()) if pid in processes()]
    done = {entry.asset for entry in read_journal(out, lambda journal: list(journal.all("done")))}
    assert done == set(started(out)) - {"hang"} != set()


def test_metrics_tell_of_each_asset(tmp_path: Path) -> None:
    """A line in CloudWatch's format for what is done, and one with its code for what failed."""
    path, wanted = tmp_path / "metrics.jsonl", batch(tmp_path / "out", items(tmp_path / "in", ["good", "crash"]))
    with gauged(wanted, path) as counted:
        carry_out(counted)
    lines = {line["asset"]: line for line in map(json.loads, path.read_text().splitlines())}
    assert (lines["good"]["Assets"], lines["good"]["Failures"]) == (1, 0)
    assert (lines["crash"]["Assets"], lines["crash"]["Failures.E_CRASH"]) == (0, 1)
    assert lines["good"]["Seconds"] > 0
    assert lines["good"]["BytesIn"] == len("good")


def test_the_command_says_what_came_of_each(tmp_path: Path) -> None:
    """JSON lines on stderr while it runs and one object an asset on stdout; some failed: exit 3."""
    (tmp_path / "in").mkdir()
    for name in ("cut", "short"):
        (tmp_path / "in" / f"{name}.glb").write_bytes(b"glTF\x02\0\0\0" + bytes([len(name), 0, 1, 0]))
    done = run("batch", "run", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert done.code == 3
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [(each["asset"], each["state"]) for each in records] == [("cut", "quarantined"), ("short", "quarantined")]
    assert all(each["code"].startswith("E_GLB") for each in records)
    said = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {each["asset"] for each in said if each["kind"] == "failed"} == {"cut", "short"}
    assert said[-1]["message"].startswith("2 of 2, 2 failed")
    assert "quarantined  2" in done.err


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("PRAGMA user_version = 9", "is of form 9"),
        ("UPDATE asset SET outcome = '{' WHERE asset = 'a'", "the line of a is damaged"),
        (b"nothing of the kind" * 1_000, "not a database"),
    ],
)
def test_a_journal_that_cannot_be_believed_is_named(harm: str | bytes, fault: str, tmp_path: Path) -> None:
    """Of another version, or damaged: nothing is built, the message has its place; without it the bundles are built
    anew."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["a"])
    carry_out(batch(out, wanted))
    journal = out / ".batch" / "journal.sqlite"
    if isinstance(harm, bytes):
        journal.write_bytes(harm)
    else:
        with closing(sqlite3.connect(journal, isolation_level=None)) as base:
            base.execute(harm)
    with pytest.raises(LimitExceeded, match=f"journal.sqlite: .*{fault}"):
        carry_out(batch(out, wanted))
    assert started(out) == ["a"]
    journal.unlink()
    assert carry_out(batch(out, wanted)).done == 1


def test_two_runners_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second is told to wait, and touches nothing."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", ["hang"])
    runner = start_runner(out, wanted)
    try:
        wait_for(lambda: (out / "hung.json").exists())
        with pytest.raises(TryAgain, match="another batch is writing there"):
            carry_out(batch(out, wanted))
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=120)


@pytest.mark.parametrize("count", [500 if os.environ.get("ASSETPIPE_LONG") else 40])
def test_the_runner_stays_small(tmp_path: Path, count: int) -> None:
    """Under 200 MB and flat: the last asset finds it as large as the first ones did."""
    out, wanted = tmp_path / "out", items(tmp_path / "in", [f"a{number:03}" for number in range(count)])
    runner = start_runner(out, wanted)
    listener = threading.Thread(target=runner.communicate)  # whom nobody listens to waits after 64 KB
    listener.start()
    sizes: list[int] = []
    while listener.is_alive():
        if len(started(out)) > count // 5:
            sizes.append(_resident(runner.pid))
        time.sleep(0.02)
    listener.join()
    assert runner.returncode == 0
    assert 0 < max(sizes) < 200_000_000
    assert max(sizes) - sizes[0] < 10_000_000


def _named_obj(source: str) -> Path:
    return Path(source).rename(Path(source).with_suffix(".obj"))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0
