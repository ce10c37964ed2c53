"""The machine is to go -> one event."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from assetpipe.batch import spot
from assetpipe.batch.spot import draining
from assetpipe.errors import ConfigError
from tests.batch.metadata import ACTION, REBALANCE, Metadata, serving
from tests.batch.nights import wait_for


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    with serving() as served:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", served.endpoint)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        yield served


def test_a_spot_notice_starts_the_drain(metadata: Metadata) -> None:
    """404 means nothing; the first answer is the notice, and its time is said."""
    with draining(print, poll=0.02) as drain:
        wait_for(lambda: metadata.asked.count(ACTION) >= 3)
        assert not drain.on
        metadata.notice("2026-01-01T00:02:00Z")
        assert drain.wait(300)
    assert drain.reason == "Spot notice: terminate at 2026-01-01T00:02:00Z"


def test_nothing_is_asked_without_a_token(metadata: Metadata) -> None:
    """Version 2 only; a token that has run out is asked for again, within the same look."""
    with draining(print, poll=0.02) as drain:
        wait_for(lambda: ACTION in metadata.asked)
        metadata.tokens.clear()
        metadata.tokens.update({"none of ours"})
        metadata.notice()
        assert drain.wait(300)
    assert drain.reason.startswith("Spot notice")


def test_a_rebalance_recommendation_is_said_once_and_stops_nothing(metadata: Metadata) -> None:
    """It is a guess; people who read the log want to know."""
    said: list[str] = []
    metadata.rebalance()
    with draining(said.append, poll=0.02) as drain:
        wait_for(lambda: metadata.asked.count(ACTION) >= 4)
        assert not drain.on
    assert metadata.asked.count(REBALANCE) == 1
    assert said == ["EC2 expects to take this machine soon (said at 2026-01-01T00:00:00Z)"]


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is: of what runs in the background a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_starts_the_drain_and_is_ours_for_the_block_only(metadata: Metadata, number: signal.Signals) -> None:
    """SIGTERM is what Batch's timeouts and terminations send, SIGINT is Ctrl-C."""
    before = signal.getsignal(number)
    with draining(print, poll=0.02) as drain:
        os.kill(os.getpid(), number)
        assert drain.wait(300)
    assert drain.reason == number.name
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("heard")
def test_a_second_interrupt_is_not_waited_for(metadata: Metadata) -> None:
    """Whoever presses Ctrl-C twice wants out; what others told us to ignore stays ignored."""

    def interrupt(drain: spot.Drain) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert drain.wait(300)
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(lambda: False)

    with draining(print, poll=0.02) as drain, pytest.raises(KeyboardInterrupt):
        interrupt(drain)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with draining(print, poll=0.02) as drain:
            os.kill(os.getpid(), signal.SIGINT)
            assert not drain.wait(0.2)
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_first_reason_stays(metadata: Metadata) -> None:
    """A notice is often followed by a signal."""
    metadata.notice()
    with draining(print, poll=0.02) as drain:
        assert drain.wait(300)
        drain.start("SIGTERM")
    assert drain.reasons == ["Spot notice: terminate at 2026-01-01T00:02:00Z"]


def test_a_machine_without_metadata_is_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop: three looks, then silence; no error, no thread left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with draining(pytest.fail, poll=0.01) as drain:
            wait_for(lambda: "spot" not in {thread.name for thread in threading.enumerate()})
            assert not drain.on


def test_a_notice_that_cannot_be_read_is_a_notice(metadata: Metadata) -> None:
    """Something is there where nothing is as long as the machine stays."""
    metadata.said[ACTION] = "not json"
    with draining(print, poll=0.01) as drain:
        assert drain.wait(300)
    assert drain.reason == "Spot notice: unknown at ?"


def test_metadata_may_be_switched_off_by_the_environment(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the word that AWS's own SDKs know."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with draining(print, poll=0.01):
        wait_for(lambda: "spot" not in {thread.name for thread in threading.enumerate()})
    assert metadata.asked == []


def test_an_endpoint_that_dribbles_holds_nobody_up(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no answer, however long it goes on: each question ends, the next one is asked, and when
    the service is well again its notice is heard."""
    monkeypatch.setattr(spot, "ANSWER", 0.2)
    metadata.dribbles = True
    metadata.notice()
    with draining(print, poll=0.01) as drain:
        wait_for(lambda: metadata.met > 2 * spot.MISSES)
        assert not drain.on
        metadata.dribbles = False
        monkeypatch.setattr(spot, "ANSWER", 60.0)
        assert drain.wait(300)
    assert drain.reason.startswith("Spot notice: terminate")


def test_a_service_that_takes_no_token_is_asked_again_at_the_next_look(metadata: Metadata) -> None:
    """It answers 401 to all of them: two questions a look, and the watcher lives on."""
    metadata.tokens = Forgetful()
    with draining(print, poll=0.01) as drain:
        wait_for(lambda: metadata.asked.count(ACTION) >= 10)
        assert not drain.on
        metadata.tokens = set()
        metadata.notice()
        assert drain.wait(300)


class Forgetful(set[str]):
    def __contains__(self, _token: object) -> bool:
        return False


def test_an_endpoint_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is built: a machine that nobody watches for notices would lose its work."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254")
    with pytest.raises(ConfigError, match="is no http:// URL"), draining(print):
        pass
