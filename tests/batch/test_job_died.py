"""What Batch tells of a job that died for good -> what the shop is told: the rule and the form of the template.

EventBridge itself is not here: moto's matcher stands for its patterns, `filled` for its transformer, which puts what
it finds, quoted, in the place of each name (docs: "Amazon EventBridge input transformation").
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from assetpipe.batch.stack.names import Wishes
from assetpipe.batch.stack.whole import whole
from assetpipe.delivery.events import JobDied, parse_event
from tests.batch.stacks import Resolver

WISHES = Wishes("s3://shop-models/eu", "shop-sources", "")
QUEUE = "arn:aws:batch:us-east-1:000000000000:job-queue/assetpipe-cpu"
RULE = Resolver(whole(WISHES), {"CpuQueue": QUEUE, "GpuQueue": f"{QUEUE}-gpu", "Events": "topic"}).properties(
    "JobFailed"
)
EXITED = "Essential container in task exited"


def said(reason: str = EXITED, code: int | None = None, **more: Any) -> dict[str, Any]:
    """As Batch tells it (docs: "AWS Batch job state change events")."""
    container = {"image": "assetpipe:1", **({} if code is None else {"exitCode": code})}
    detail = {
        "jobId": "4c7599ae-0a82-49aa-ba5a-4727fcce14a8",
        "jobName": "assetpipe-nightly-0",
        "jobQueue": QUEUE,
        "status": "FAILED",
        "statusReason": reason,
        "container": container,
        "tags": {"resourceArn": "arn:aws:batch:us-east-1:000000000000:job/4c7599ae"},
        **more,
    }
    return {"source": "aws.batch", "detail-type": "Batch Job State Change", "id": "c8f9", "detail": detail}


def passes(event: Any) -> bool:
    return EventPattern.load(json.dumps(RULE["EventPattern"])).matches_event(event)


def filled(event: dict[str, Any]) -> str:
    """Nothing in the place of what is not found, as there."""
    form = RULE["Targets"][1]["InputTransformer"]
    known = {}
    for name, path in form["InputPathsMap"].items():
        value: Any = event
        for key in path.removeprefix("$.").split("."):
            value = value.get(key) if isinstance(value, dict) else None
        known[name] = "" if value is None else json.dumps(value)
    return re.sub("<([a-z]+)>", lambda match: known[match[1]], form["InputTemplate"])


CHILD: dict[str, Any] = {"arrayProperties": {"index": 7, "size": 0, "statusSummary": {}}}
ARRAY: dict[str, Any] = {"arrayProperties": {"size": 9, "statusSummary": {"FAILED": 1, "SUCCEEDED": 8}}}


@pytest.mark.parametrize(
    "event",
    [
        said("CannotPullContainerError: image not found"),
        said("Host EC2 (instance i-0) terminated."),
        said("Host EC2 (instance i-0) terminated.", **CHILD),
        said(code=1),
        said(code=75, **CHILD),
        said(code=77),
        said("Job attempt duration exceeded timeout", code=137),
    ],
)
def test_a_job_that_dies_for_good_is_told(event: dict[str, Any]) -> None:
    """Whether its container ended, was never there, or went with its machine."""
    assert passes(event)


@pytest.mark.parametrize(
    "event",
    [
        said(code=3),  # all is settled, and told
        said(code=3, **CHILD),
        said("Array Child Job failed", **ARRAY),  # its children are told
        said(code=1, status="RUNNABLE"),
        said(code=1, status="SUCCEEDED"),
        said(code=1, jobQueue=f"{QUEUE}-of-others"),
    ],
)
def test_what_has_told_all_itself_and_what_is_not_ours_is_passed_over(event: dict[str, Any]) -> None:
    """Nobody is woken for a failed asset, or twice for one job."""
    assert not passes(event)


def test_it_is_told_in_the_form_of_the_others() -> None:
    """Whatever a reason has in it, what arrives is an event of ours, under the job's own id."""
    reason = 'CannotStartContainerError: exec: "assetpipe": \\not\nfound'
    event = parse_event(filled(said(reason, jobId="4c7599ae-0a82-49aa-ba5a-4727fcce14a8:7")))
    assert isinstance(event, JobDied)
    assert (event.id, event.job) == ("4c7599ae-0a82-49aa-ba5a-4727fcce14a8:7", "assetpipe-nightly-0")
    assert (event.store, event.run, event.reason, event.queue) == (WISHES.to, "", reason, QUEUE)


def test_eventbridge_may_tell_the_shop() -> None:
    """And nobody else's account may have it do so."""
    (statement,) = Resolver(whole(WISHES), {"Events": "topic"}).properties("EventsPolicy")["PolicyDocument"][
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == (["sns:Publish"], ["topic"])
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "000000000000"}}
