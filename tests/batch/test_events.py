"""The shop hears of every publish, failure and end of a run: at least once, under one id, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from assetpipe.batch.aws import Ask, submit
from assetpipe.batch.calls import with_batch
from assetpipe.batch.news import tell_local
from assetpipe.batch.plan import write_plan
from assetpipe.batch.run import carry_out
from assetpipe.config import load_config
from assetpipe.delivery.catalog import Entry, File
from assetpipe.delivery.events import (
    AssetFailed,
    AssetPublished,
    RunEnded,
    ended,
    json_schema,
    parse_event,
    shipped_schema,
    to_json,
)
from assetpipe.delivery.events import published as published_event
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.messenger import BYTES, Messenger, connect
from assetpipe.errors import ConfigError
from tests.batch.nights import batch, items
from tests.batch.shops import REGION, Service, Shop, bus, service, topic
from tests.batch.test_work import QUICK, item, sources, standin
from tests.commands import run
from tests.delivery.bundles import bundle
from tests.delivery.servers import Server, environment, free_port, moto  # noqa: F401  fixtures

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cloud(moto: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:  # noqa: F811
    """All of AWS is moto, for this process and those that it starts."""
    told = {**environment(tmp_path), "AWS_ENDPOINT_URL": moto.url, "AWS_DEFAULT_REGION": REGION}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return moto


def config(folder: Path, shop: Shop) -> Path:
    path = folder / "shop.toml"
    path.write_text(f'[publish]\nevents = "{shop.target}"\nindex_seconds = 0.5\n')
    return path


def entry(asset: str = "chair", sequence: int = 1, levels: int = 3) -> Entry:
    files = tuple(File(f"level-{n}", f"furniture/level-{n}/{asset}.glb", "0" * 64, 9, 1) for n in range(levels))
    return Entry("furniture", asset, f"{sequence:016x}", sequence, "live", 0.0, files)


def test_the_shipped_schema_is_the_types_and_takes_what_is_told() -> None:
    """event.schema.json is generated; `python -m assetpipe.delivery.events` writes it anew."""
    shipped = json.loads(shipped_schema().read_text())
    assert shipped == json.loads(json.dumps(json_schema()))
    said = json.loads(to_json(published_event(entry(), "s3://shop", "night")))
    jsonschema.validate(said, shipped)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({key: value for key, value in said.items() if key != "revision"}, shipped)


def test_the_docs_show_events_as_they_are() -> None:
    """One of each kind, with all keys in their order."""
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "events.md").read_text(encoding="utf-8"), re.DOTALL)
    shown = [parse_event(block) for block in blocks]
    assert [one.type for one in shown] == ["published", "failed", "ended", "job_died"]
    assert [json.loads(to_json(one)) for one in shown] == [json.loads(block) for block in blocks]


@pytest.mark.parametrize("open_shop", [topic, bus])
def test_a_publish_a_change_and_a_rollback_are_told_in_full(open_shop: Any, tmp_path: Path) -> None:
    """To a topic and to a bus: revision, move, keys as they are in the store, and nothing
    for a publish that changes nothing."""
    shop, store = open_shop(), tmp_path / "store"
    options = ("--to", store, "--config", config(tmp_path, shop))
    one, two = (bundle(tmp_path, content=content).folder for content in ("one", "two"))
    assert run("publish", one, *options).code == 0
    (first,) = shop.events()
    assert isinstance(first, AssetPublished)
    pointer = json.loads((store / first.manifest).read_text())
    assert first.revision == pointer["publication"]["revision"]
    assert (first.category, first.asset, first.sequence, first.status) == ("furniture", "chair", 1, "live")
    assert first.url == f"{store}/furniture/manifest/chair.json"
    assert [(level.name, level.sha256) for level in first.levels] == [
        (level["name"], level["sha256"]) for level in pointer["levels"]
    ]
    assert all((store / key).stat().st_size for key in (*(level.key for level in first.levels), first.poster))
    assert run("publish", one, *options).code == 0
    assert shop.events() == []
    assert run("publish", two, *options).code == 0
    assert run("catalog", "rollback", "chair", "--store", store, *options[2:]).code == 0
    second, third = shop.events()
    assert isinstance(second, AssetPublished)
    assert isinstance(third, AssetPublished)
    assert {(one.revision, one.sequence, one.status) for one in (second, third)} == {
        (second.revision if second.sequence == 2 else third.revision, 2, "live"),
        (first.revision, 3, "rolled_back"),
    }
    assert len({first.id, second.id, third.id}) == 3


def test_subscribers_filter_by_attributes_and_rules_by_detail(tmp_path: Path) -> None:
    """A shop for one category hears of that alone."""
    folders = [bundle(tmp_path, "chair").folder, bundle(tmp_path, "shoe", category="fashion").folder]
    for shop in (
        topic({"type": ["published"], "category": ["fashion"]}),
        bus({"detail-type": ["Asset Published"], "detail": {"category": ["fashion"], "status": ["live"]}}),
    ):
        to = tmp_path / shop.queue.rpartition("/")[2]
        assert run("publish", *folders, "--to", to, "--config", config(tmp_path, shop)).code == 0
        assert [event.asset for event in shop.events() if isinstance(event, AssetPublished)] == ["shoe"]


def test_what_could_not_be_told_is_published_said_and_told_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there, and then a topic that is gone: exit 0, a warning with the cure; the next publish tells, once."""
    shop, folder = topic(), bundle(tmp_path).folder
    options = ("--to", tmp_path / "store", "--config", config(tmp_path, shop))
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{free_port()}")
        deaf = run("publish", folder, *options)
    assert deaf.code == 0
    assert "not told: published chair" in deaf.err
    assert (tmp_path / "store" / "furniture" / "manifest" / "chair.json").is_file()
    (tmp_path / "gone.toml").write_text(f'[publish]\nevents = "{shop.target}-gone"\n')
    gone = run("publish", folder, "--to", tmp_path / "store", "--config", tmp_path / "gone.toml")
    assert (gone.code, "mend [publish] events" in gone.err) == (0, True), gone.err
    assert shop.events() == []
    assert run("publish", folder, *options).code == 0
    assert run("publish", folder, *options).code == 0
    assert [event.asset for event in shop.events() if isinstance(event, AssetPublished)] == ["chair"]


def test_a_run_on_this_machine_tells_failures_and_its_end(tmp_path: Path) -> None:
    """Publishes are told by the children; what could not be built and the end by the run, to whom each asset's config
    names."""
    shop = topic()
    wanted = items(tmp_path / "sources", ["crash", "good"], category="furniture", config=str(config(tmp_path, shop)))
    night = replace(batch(tmp_path / "out", wanted), to=str(tmp_path / "store"), keep=False)
    tell_local(night, carry_out(night))
    end, failure = shop.events()
    assert isinstance(end, RunEnded)
    assert isinstance(failure, AssetFailed)
    assert (failure.asset, failure.category, failure.source) == ("crash", "furniture", wanted[0].source)
    assert (end.assets, end.published, end.failed, end.run) == (2, 1, 1, failure.run)
    assert [(one.asset, one.code) for one in end.failures] == [("crash", failure.error.code)]
    assert failure.error.code == "E_CRASH"
    assert failure.error.message


def test_the_last_of_the_jobs_tells_the_end_of_the_run(tmp_path: Path) -> None:
    """Two jobs by real workers, one asset of three broken: two publishes, one failure, one end with all of them."""
    shop = topic()
    wanted = sources(tmp_path / "sources", 3)
    Path(wanted[2].source).write_text("bad\n")
    wanted[2] = item(Path(wanted[2].source), seconds=290)
    cloud = standin(tmp_path / "cloud", QUICK)
    toml = config(tmp_path, shop).read_bytes()
    night = with_batch(load_config(), queue="night", job_definition="assetpipe")
    submission = submit(wanted, night, Ask(cloud, FolderStore(tmp_path / "store"), config=toml))
    cloud.run()
    events = shop.events()
    kinds = [event.type for event in events]
    assert kinds == ["ended", "failed", "published", "published"], kinds
    end = events[0]
    assert isinstance(end, RunEnded)
    assert (end.assets, end.published, end.failed, end.run) == (3, 2, 1, submission.run)
    assert {event.run for event in events} == {submission.run}


def test_who_was_killed_before_telling_has_it_told_by_the_next_attempt(tmp_path: Path) -> None:
    """Published, written down as done, and nobody told: the next worker of the slice finds it done, and tells."""
    shop = topic()
    write_plan(tmp_path / "plan.jsonl", sources(tmp_path / "sources", 2))
    options = ("--to", tmp_path / "store", "--run", "night", "--config", config(tmp_path, shop))
    command = [*QUICK, "batch", "work", "--plan", *map(str, (tmp_path / "plan.jsonl", *options))]
    with service(None) as silent:
        told = {**os.environ, "AWS_ENDPOINT_URL_SNS": silent.url, "PYTHONPATH": str(ROOT)}
        first = subprocess.Popen(command, cwd=tmp_path, env=told, stderr=subprocess.DEVNULL)
        try:
            assert silent.heard.wait(300)
        finally:
            first.kill()
            first.wait(120)
    told["AWS_ENDPOINT_URL_SNS"] = told["AWS_ENDPOINT_URL"]
    subprocess.run(command, cwd=tmp_path, env=told, check=True)
    assert [event.type for event in shop.events()] == ["ended", "published", "published"]


def test_calls_take_ten_events_and_256_kilobytes() -> None:
    """Twenty-five small ones are three calls; large ones go alone; one that no call takes is said; the others go."""
    accepted = {"FailedEntryCount": 0, "Entries": [{"EventId": "x"}] * 10}
    with service(accepted) as busy:
        messenger = on(busy)
        assert messenger.send([event(f"chair-{n}") for n in range(25)]) == ()
        assert [len(call["Entries"]) for call in busy.asked] == [10, 10, 5]
        busy.asked.clear()
        large = [event(f"large-{n}", levels=900) for n in range(3)]
        assert BYTES / 2 < len(to_json(large[0])) < BYTES
        (unsent,) = messenger.send([*large, event("huge", levels=2_000)])
        assert (unsent.event.asset, unsent.reason) == ("huge", "has more than 256 KB")
        assert [len(call["Entries"]) for call in busy.asked] == [1, 1, 1]


def test_of_a_call_that_is_taken_in_part_the_rest_is_sent_again() -> None:
    """Entries that the service refuses for the time being, alone and in their order; others are given up at once."""
    throttled, wrong = {"ErrorCode": "ThrottlingException"}, {"ErrorCode": "NotAuthorizedForSourceException"}
    answers = (
        {"FailedEntryCount": 3, "Entries": [{"EventId": "0"}, throttled, wrong, throttled]},
        {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, throttled]},
        {"FailedEntryCount": 0, "Entries": [{"EventId": "3"}]},
    )
    with service(*answers) as busy:
        (unsent,) = on(busy).send([event(f"chair-{n}") for n in range(4)])
        assert (unsent.event.asset, "NotAuthorizedForSourceException" in unsent.reason) == ("chair-2", True)
        sent = [[json.loads(one["Detail"])["asset"] for one in call["Entries"]] for call in busy.asked]
        assert sent == [["chair-0", "chair-1", "chair-2", "chair-3"], ["chair-1", "chair-3"], ["chair-3"]]
    with service({"FailedEntryCount": 1, "Entries": [throttled]}) as busy:
        assert [one.event.asset for one in on(busy).send([event("chair")])] == ["chair"]
        assert len(busy.asked) == 4


def event(asset: str, levels: int = 3) -> AssetPublished:
    return published_event(entry(asset, levels=levels), "s3://shop", "night")


def on(busy: Service) -> Messenger:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", busy.url)
        return replace(connect("shop", load_config().publish), sleep=lambda _seconds: None)


def test_the_same_is_told_under_the_same_id_and_another_under_another() -> None:
    """Whoever tells it; a run that ends otherwise has ended anew."""
    assert event("chair").id == event("chair").id
    assert event("chair").id != event("table").id
    assert published_event(entry(sequence=2), "s3://shop").id != published_event(entry(), "s3://shop").id
    assert published_event(entry(), "s3://other").id != published_event(entry(), "s3://shop").id
    first, again = (ended(("s3://shop", "night"), 4, [("a", "E_A"), ("b", "E_B")][:count]) for count in (2, 1))
    assert first.id != again.id
    assert first.id == ended(("s3://shop", "night"), 4, [("b", "E_B"), ("a", "E_A")]).id
    assert parse_event(to_json(first)) == first


@pytest.mark.parametrize("target", ["arn:aws:sqs:eu-central-1:123456789012:x", "my bus", "arn:aws:sns:eu:1:x"])
def test_whom_nobody_can_tell_is_refused_by_the_config(tmp_path: Path, target: str) -> None:
    """An ARN of something else is no topic and no bus."""
    (tmp_path / "shop.toml").write_text(f'[publish]\nevents = "{target}"\n')
    with pytest.raises(ConfigError, match=r"publish\.events"):
        load_config(tmp_path / "shop.toml")
