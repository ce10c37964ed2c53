"""Events -> the shop's SNS topic or EventBridge bus, ten at a time; what did not arrive comes back with the reason.

arn:aws:sns:...              a topic; subscribers filter by the attributes type, category, status, run
arn:aws:events:..., or NAME  a bus; rules match source "assetpipe", detail-type and detail
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from assetpipe.delivery.client import Access, plain_client
from assetpipe.delivery.events import AssetFailed, AssetPublished, Event, to_json
from assetpipe.delivery.faults import code_of, explaining
from assetpipe.errors import AssetpipeError, ConfigError

ENTRIES, BYTES = 10, 256 * 1024
"""Of one call, as both services have it; an entry's attributes count."""
ABOUT = 600
"""Bytes that attributes of one entry take at most."""
PAUSES = (0.2, 1.0, 4.0)
"""Seconds between tries of what a service refused for the time being."""
PASSING = {"InternalFailure", "InternalException", "InternalError", "ThrottlingException", "Throttled", "Throttling"}
SOURCE = "assetpipe"
DETAIL_TYPES = {"published": "Asset Published", "failed": "Asset Failed", "ended": "Run Ended"}
GONE = {"NotFound", "NotFoundException", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Unsent:
    event: Event
    reason: str


Refused = dict[int, str]
"""Number of an entry -> the service's code."""


class Line(Protocol):
    """One call of a service, of at most ten events."""

    @property
    def place(self) -> str: ...

    def post(self, events: Sequence[Event]) -> Refused: ...


@dataclass(frozen=True)
class Messenger:
    line: Line
    sleep: Callable[[float], None] = time.sleep

    def send(self, events: Sequence[Event]) -> tuple[Unsent, ...]:
        """What did not arrive. Never raises: what is published stays published. Where a whole call fails nobody is
        there, and the others are not tried."""
        unsent = [Unsent(event, "has more than 256 KB") for event in events if _size(event) > BYTES]
        fitting = [event for event in events if _size(event) <= BYTES]
        batches = list(_batches(fitting))
        for number, batch in enumerate(batches):
            try:
                unsent += self._deliver(batch)
            except AssetpipeError as error:
                reason = f"{error.message} ({error.hint})" if error.hint else error.message
                unsent += [Unsent(event, reason) for rest in batches[number:] for event in rest]
                break
        return tuple(unsent)

    def _deliver(self, batch: Sequence[Event]) -> list[Unsent]:
        unsent: list[Unsent] = []
        for pause in (*PAUSES, None):
            refused = self.line.post(batch)
            final = {at for at, code in refused.items() if code not in PASSING or pause is None}
            unsent += [Unsent(batch[at], f"{self.line.place}: refused: {refused[at]}") for at in sorted(final)]
            batch = [batch[at] for at in sorted(refused) if at not in final]
            if not batch or pause is None:
                break
            self.sleep(pause)
        return unsent


@dataclass(frozen=True)
class Topic:
    client: Any
    arn: str

    @property
    def place(self) -> str:
        return self.arn

    def post(self, events: Sequence[Event]) -> Refused:
        entries = [{"Id": str(at), **self._entry(event)} for at, event in enumerate(events)]
        with _explaining(self.place):
            answer = self.client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)
        return {int(one["Id"]): str(one["Code"]) for one in answer.get("Failed", ())}

    def _entry(self, event: Event) -> dict[str, Any]:
        attributes = {key: {"DataType": "String", "StringValue": value} for key, value in _about(event).items()}
        entry = {"Message": to_json(event), "MessageAttributes": attributes}
        if self.arn.endswith(".fifo"):  # in the order of each asset's publishes, and told once in five minutes
            return {**entry, "MessageGroupId": _group(event), "MessageDeduplicationId": event.id}
        return entry


@dataclass(frozen=True)
class Bus:
    client: Any
    name: str

    @property
    def place(self) -> str:
        return self.name if self.name.startswith("arn:") else f"EventBridge bus {self.name}"

    def post(self, events: Sequence[Event]) -> Refused:
        with _explaining(self.place):
            answer = self.client.put_events(Entries=[self._entry(event) for event in events])
        codes = [one.get("ErrorCode") for one in answer["Entries"]] if answer.get("FailedEntryCount") else []
        return {at: str(code) for at, code in enumerate(codes) if code}

    def _entry(self, event: Event) -> dict[str, Any]:
        detail, kind = to_json(event), DETAIL_TYPES[event.type]
        return {"EventBusName": self.name, "Source": SOURCE, "DetailType": kind, "Detail": detail}


def connect(target: str, settings: Access) -> Messenger:
    """`target` is what `[publish] events` allows. An ARN says its region itself."""
    region = target.split(":")[3] if target.startswith("arn:") else settings.region
    if ":sns:" in target:
        return Messenger(Topic(plain_client("sns", region), target))
    return Messenger(Bus(plain_client("events", region), target))


def _about(event: Event) -> dict[str, str]:
    """What subscribers filter by."""
    said = {"type": event.type, "run": event.run}
    if isinstance(event, AssetPublished | AssetFailed):
        said |= {"category": event.category, "asset": event.asset}
    if isinstance(event, AssetPublished):
        said["status"] = event.status
    return {key: value for key, value in said.items() if value}


def _group(event: Event) -> str:
    if isinstance(event, AssetPublished | AssetFailed):
        return f"{event.category[:40]}/{event.asset}"
    return f"run/{event.run}"


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    size = 0
    for event in events:
        if batch and (len(batch) == ENTRIES or size + _size(event) > BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += _size(event)
    if batch:
        yield batch


def _size(event: Event) -> int:
    return len(to_json(event)) + ABOUT


@contextmanager
def _explaining(place: str) -> Iterator[None]:
    with explaining(place):
        try:
            yield
        except ClientError as error:
            if code_of(error) in GONE:
                raise ConfigError("E_EVENTS_TARGET", f"{place}: there is none", hint="mend [publish] events") from error
            raise
