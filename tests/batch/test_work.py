"""Workers on machines that come and go: whatever happens to them, the store is as if nothing had."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assetpipe.batch.aws import Ask, Submission, submit
from assetpipe.batch.lease import all_progress
from assetpipe.batch.plan import Item, plan_bytes
from assetpipe.batch.status import Sources, status_of
from assetpipe.config import Config, load_config
from assetpipe.delivery.folder import FolderStore
from assetpipe.scratch import sweep
from tests.batch.emf import parse
from tests.batch.nights import wait_for
from tests.batch.standin import LIMIT, Disturber, Standin

QUICK = [sys.executable, str(Path(__file__).with_name("quick_cli.py"))]
REAL = [sys.executable, "-m", "assetpipe"]
SOON = "[publish]\nindex_seconds = 0.5\n"
LONG = bool(os.environ.get("ASSETPIPE_LONG"))
WELL = (0, 75, 143, -15)
"""Exit codes of who was told to go; the last two before it could listen."""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config() -> Config:
    plain = load_config()
    wishes = {"queue": "night", "job_definition": "assetpipe", "attempts": 10, "price_per_vcpu_hour": 0.05}
    return plain.model_copy(update={"batch": plain.batch.model_copy(update=wishes)})


def sources(folder: Path, count: int, first_line: str = "sleep 0.1") -> list[Item]:
    """Of the quick child: files that say how long it takes. Half a job's time each: two share a job."""
    folder.mkdir(exist_ok=True)
    items = []
    for number in range(count):
        path = folder / f"chair-{number:03}.glb"
        path.write_text(f"{first_line}\n{number}\n")
        items.append(item(path, seconds=290))
    return items


def item(path: Path, seconds: float) -> Item:
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return Item(
        source=str(path), asset=path.stem, category="furniture", bytes=len(data), sha256=sha256, seconds=seconds
    )


def standin(folder: Path, command: list[str], **environment: str) -> Standin:
    folder.mkdir(exist_ok=True)
    return Standin(folder, command, {"PYTHONPATH": str(ROOT), **environment})


def published(store: Path) -> dict[str, str]:
    """Key -> hash of everything that viewers see; what workers say to each other is left out."""
    files = [path for path in sorted(store.rglob("*")) if path.is_file()]
    named = {str(path.relative_to(store)): path.read_bytes() for path in files}
    seen = {key: body for key, body in named.items() if not key.startswith((".assetpipe", "assetpipe.runs"))}
    return {key: hashlib.sha256(_without_clock(key, body)).hexdigest() for key, body in seen.items()}


def _without_clock(key: str, body: bytes) -> bytes:
    """A category's index says when each asset was published."""
    if not key.endswith("manifest/index.json"):
        return body
    index = json.loads(body)
    for asset in index["assets"]:
        asset.pop("updated", None)
    return json.dumps(index, sort_keys=True).encode()


def submitted(items: list[Item], config: Config, cloud: Standin, store: Path, run: str = "") -> Submission:
    return submit(items, config, Ask(cloud, FolderStore(store), run, SOON.encode()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Callable[[list[Item]], dict[str, str]]:
    def of(items: list[Item]) -> dict[str, str]:
        folder = tmp_path_factory.mktemp("undisturbed")
        cloud = standin(folder / "cloud", QUICK)
        submitted([each.model_copy(update={"seconds": 5.0}) for each in items], config, cloud, folder / "store")
        cloud.run()
        assert set(cloud.statuses()) == {"SUCCEEDED"}
        return published(folder / "store")

    return of


def test_machines_that_are_taken_away_change_nothing(
    tmp_path: Path, config: Config, undisturbed: Callable[[list[Item]], dict[str, str]]
) -> None:
    """Notices, signals and kills at random moments: the store is the undisturbed one's, hash for hash; whoever was told
    is gone within 20 s, with exit code 75 or done; no asset is published twice; what the killed left is swept."""
    items = sources(tmp_path / "sources", 100 if LONG else 6, "sleep 0.3")
    expected = undisturbed(items)
    cloud = standin(tmp_path / "cloud", QUICK)
    submission = submitted(items, config, cloud, tmp_path / "store")
    many = 20 if LONG else 1
    trouble = Disturber(7, notices=many, kills=many, terms=many, pause=2.0 if LONG else 1.0)
    cloud.run(disturb=trouble, most=1_800)
    assert not trouble.left, "all was over before it was disturbed"
    assert set(cloud.statuses()) == {"SUCCEEDED"}
    assert published(tmp_path / "store") == expected
    sweep(cloud.temporary)
    assert list(cloud.temporary.iterdir()) == []
    assert all(seconds <= LIMIT and code in WELL for seconds, code in cloud.exits), cloud.exits
    states = [each.state for each in all_progress(FolderStore(tmp_path / "store"), submission.run)]
    assert states == ["done"] * len(items)
    begun = sum(log.read_text().count('"decimating"') for log in (tmp_path / "cloud").glob("*.log"))
    assert begun <= len(items) + 3 * many, "what was finished is not done again: each end costs one asset at most"
    status = status_of(submission.run, Sources(FolderStore(tmp_path / "store"), cloud, prices=config.batch))
    assert status.ended
    assert status.retried >= 1
    assert status.assets == {"done": len(items)}


def test_a_worker_that_is_told_to_go_begins_nothing_more(tmp_path: Path, config: Config) -> None:
    """Of a slice of two, the first is still under way when SIGTERM comes; the second is left for the next attempt."""
    told = tmp_path / "told"
    items = [each.model_copy(update={"seconds": 10.0}) for each in sources(tmp_path / "sources", 2, f"wait {told}")]
    cloud = standin(tmp_path / "cloud", QUICK, PATIENT="1")
    submission = submitted(items, config, cloud, tmp_path / "store")
    log = tmp_path / "cloud" / "job-0-1.log"

    def disturb(running: list) -> None:
        for each in running:
            if not each.term and len(each.child.attempts) == 0 and "decimating" in log.read_text():
                Disturber.term(each)
            if each.term and "SIGTERM" in log.read_text():
                told.touch()

    cloud.run(disturb=disturb)
    (job,) = cloud.children.values()
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [75, 0]
    assert "chair-001" not in log.read_text()
    assert "2 done" not in log.read_text()
    states = {each.asset: each.number for each in all_progress(FolderStore(tmp_path / "store"), submission.run)}
    assert states == {"chair-000": 1, "chair-001": 1}, "what was finished before we left is not done again"


def test_an_asset_that_takes_too_long_is_abandoned(tmp_path: Path, config: Config) -> None:
    """It would take ten minutes more: within 20 s the worker is gone, and its child with it; the lease is free."""
    items = sources(tmp_path / "sources", 1, "sleep 600")
    cloud = standin(tmp_path / "cloud", QUICK)
    once = config.model_copy(update={"batch": config.batch.model_copy(update={"attempts": 1})})
    submission = submitted(items, once, cloud, tmp_path / "store")
    log = tmp_path / "cloud" / "job-0-1.log"

    def disturb(running: list) -> None:
        for each in running:
            if not each.term and "decimating" in log.read_text():
                Disturber.term(each)

    cloud.run(disturb=disturb)
    assert [code for _, code in cloud.exits] == [75]
    assert cloud.exits[0][0] <= LIMIT
    (progress,) = all_progress(FolderStore(tmp_path / "store"), submission.run)
    assert (progress.state, progress.starts) == ("free", 0)
    assert published(tmp_path / "store") == {}


def test_a_bad_asset_stops_no_other_and_is_said_first(tmp_path: Path, config: Config) -> None:
    """One is refused, one crashes its child: the others are published, the job ends with 3 and is not tried again."""
    items = sources(tmp_path / "sources", 2)
    for name, wish in (("bad", "bad"), ("crash", "crash")):
        path = tmp_path / "sources" / f"{name}.glb"
        path.write_text(f"{wish}\n")
        items.append(item(path, seconds=1))
    items = [each.model_copy(update={"seconds": 10.0}) for each in items]
    cloud = standin(tmp_path / "cloud", QUICK)
    submission = submitted(items, config, cloud, tmp_path / "store")
    cloud.run()
    (job,) = cloud.children.values()
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [3]
    status = status_of(submission.run, Sources(FolderStore(tmp_path / "store"), cloud))
    assert status.failed
    assert {each["asset"]: each["code"] for each in status.failed_assets} == {"bad": "E_BAD", "crash": "E_CRASH"}
    assert status.assets == {"done": 2, "failed": 2}
    metrics = [
        metric for line in Path(tmp_path / "cloud" / "job-0-1.log").read_text().splitlines() for metric in parse(line)
    ]
    totals = {name: sum(each.value for each in metrics if each.name == name) for name in ("Assets", "Failures")}
    assert totals == {"Assets": 2, "Failures": 2}


def test_jobs_that_are_delivered_three_times_send_each_body_once(tmp_path: Path, config: Config) -> None:
    """At-least-once, shuffled, two workers at a time: every asset has one lease that finished it, and every object was
    written by it alone."""
    items = sources(tmp_path / "sources", 12 if LONG else 4)
    cloud = standin(tmp_path / "cloud", QUICK)
    for _ in range(3):
        submitted(items, config, cloud, tmp_path / "store", run="thrice")
        (tmp_path / "store" / "assetpipe.runs" / "thrice" / "submission.json").unlink()
    Disturber(3).random.shuffle(order := list(cloud.children.items()))
    cloud.children = dict(order)
    cloud.run()
    assert len(cloud.children) == 3 * len(items) / 2
    assert set(cloud.statuses()) == {"SUCCEEDED"}
    store = FolderStore(tmp_path / "store")
    assert {each.number for each in all_progress(store, "thrice")} == {1}
    sent = [metric.value for log in (tmp_path / "cloud").glob("*.log") for metric in _sent(log)]
    assert len(sent) == len(items)
    assert all(sent)


def test_a_worker_that_is_stopped_cannot_overwrite_its_successor(tmp_path: Path, config: Config) -> None:
    """It is frozen while it builds, for longer than its lease; another takes over and publishes; it wakes up, and finds
    its lease gone: what it made is thrown away."""
    items = sources(tmp_path / "sources", 1, "sleep 2")
    (tmp_path / "plan.jsonl").write_bytes(plan_bytes(items))
    (tmp_path / "soon.toml").write_text(SOON)
    store = FolderStore(tmp_path / "store")
    command = [*QUICK, "batch", "work", "--plan", str(tmp_path / "plan.jsonl"), "--to", store.url]
    command += ["--config", str(tmp_path / "soon.toml")]
    first = start([*command, "--run", "night", "--lease", "2", "-v"], tmp_path / "first.log")
    try:
        wait_for(lambda: "decimating" in (tmp_path / "first.log").read_text())
        freeze(first.pid, tmp_path / "store" / "assetpipe.runs" / "night" / "assets")
        second = start([*command, "--run", "night", "--lease", "2", "-v"], tmp_path / "second.log")
        assert second.wait(300) == 0
        before = published(tmp_path / "store")
        (done,) = all_progress(store, "night")
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(300) == 0
    finally:
        first.kill()
    assert (done.state, done.number) == ("done", 2)
    assert list(all_progress(store, "night")) == [done]
    assert published(tmp_path / "store") == before
    log = (tmp_path / "first.log").read_text()
    assert "another worker took it over" in log
    assert "1 skipped" in log


def test_a_worker_that_hangs_in_the_middle_of_something_leaves_all_the_same() -> None:
    """A store that says nothing, a disk that is stuck: a while after the drain began the process ends, with 75."""
    hanging = """
import time
from assetpipe.batch.spot import Drain
from assetpipe.commands import batch_aws
batch_aws.LAST_RESORT = 0.2
drain = Drain()
with batch_aws._last_resort(drain, print):
    drain.start("SIGTERM")
    time.sleep(600)
"""
    done = subprocess.run([sys.executable, "-c", hanging], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (75, "")


def freeze(pid: int, folder: Path) -> None:
    """At a moment when it holds no lock on `folder`: who is frozen with one keeps everybody from what lies there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        while True:
            os.kill(pid, signal.SIGSTOP)
            wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
            with suppress(BlockingIOError):
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.kill(pid, signal.SIGCONT)
    finally:
        os.close(handle)


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}
    with log.open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def _sent(log: Path) -> Iterator:
    for line in log.read_text().splitlines():
        yield from (metric for metric in parse(line) if metric.name == "BytesOut")
