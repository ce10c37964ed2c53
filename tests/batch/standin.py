"""A stand-in of AWS Batch: it takes what `submit` asks for, holds it against the service's own rules, and runs the jobs
as processes on this machine: states, attempts, evaluateOnExit, array children, Spot notices, SIGTERM and then a kill.

Emulators do none of that: in moto every job is SUCCEEDED inside of SubmitJob, in others there are no children.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.batch.metadata import Metadata, serving

JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
LONG = bool(os.environ.get("ASSETPIPE_LONG"))
NOTICE, STOP = 120.0, 30.0 if LONG else 120.0
"""Seconds from a notice until the machine is gone, and from SIGTERM until SIGKILL."""
LIMIT = 20.0 if LONG else 100.0
"""Seconds that a worker may take to be gone after a notice: our promise, for a machine that is its own. A slow one that
runs other tests too only shows that it goes."""


@dataclass
class Child:
    """A plain job, or a child of an array."""

    id: str
    request: Mapping[str, Any]
    index: int | None
    status: str = "SUBMITTED"
    reason: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Running:
    child: Child
    process: subprocess.Popen[bytes]
    metadata: Metadata
    close: ExitStack
    started: float
    log: Path
    noticed: float = 0.0
    term: float = 0.0
    lost: bool = False
    """the machine is gone: killed without notice"""


class Standin:
    """One queue with so many machines. `command` is what stands for `assetpipe` in a container."""

    def __init__(self, folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.command, self.environment = folder, list(command), dict(environment or {})
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.children: dict[str, Child] = {}
        self.parents: dict[str, list[Child]] = {}
        self.exits: list[tuple[float, int]] = []
        """seconds from each notice or SIGTERM to the exit, and the exit code"""
        self.asked: list[Mapping[str, Any]] = []
        self._numbers = itertools.count()

    # What boto3's client has

    def submit_job(self, **request: Any) -> dict[str, Any]:
        check(request)
        self.asked.append(request)
        name = f"job-{next(self._numbers)}"
        size = request.get("arrayProperties", {}).get("size")
        if size:
            mine = self.parents[name] = [Child(f"{name}:{index}", request, index) for index in range(size)]
        else:
            mine = [Child(name, request, None)]
        self.children.update({child.id: child for child in mine})
        return {"jobId": name, "jobName": request["jobName"]}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert len(jobs) <= 100, "DescribeJobs takes a hundred"
        return {"jobs": [self._described(name) for name in jobs if name in self.children or name in self.parents]}

    # What happens in the cloud

    def run(
        self, *, machines: int = 2, disturb: Callable[[list[Running]], None] = lambda _: None, most: float = 1_200
    ) -> None:
        """Until every job is SUCCEEDED or FAILED."""
        running: list[Running] = []
        deadline = time.monotonic() + most
        try:
            while running or self._waiting():
                assert time.monotonic() < deadline, f"still at it: {[child.id for child in self._waiting()]}"
                while len(running) < machines and self._waiting():
                    running.append(self._start(self._waiting()[0]))
                disturb(running)
                for each in list(running):
                    if self._ended(each):
                        running.remove(each)
                time.sleep(0.02)
        finally:
            for each in running:
                self._kill(each)
                each.close.close()

    def statuses(self) -> list[str]:
        return sorted(child.status for child in self.children.values())

    def _waiting(self) -> list[Child]:
        """Those that are tried again first: Batch puts them to the front."""
        waiting = [child for child in self.children.values() if child.status in ("SUBMITTED", "RUNNABLE")]
        return sorted(waiting, key=lambda child: -len(child.attempts))

    def _start(self, child: Child) -> Running:
        close = ExitStack()
        metadata = close.enter_context(serving())
        log = self.folder / f"{child.id.replace(':', '-')}-{len(child.attempts) + 1}.log"
        environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            **self.environment,
            "AWS_BATCH_JOB_ID": child.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(child.attempts) + 1),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.endpoint,
            **({} if child.index is None else {"AWS_BATCH_JOB_ARRAY_INDEX": str(child.index)}),
        }
        environment.pop("AWS_EC2_METADATA_DISABLED", None)
        command = child.request["containerOverrides"]["command"]
        assert command[0] == "assetpipe", command
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*self.command, *command[1:]],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        child.status = "RUNNING"
        return Running(child, process, metadata, close, time.monotonic(), log)

    def _ended(self, running: Running) -> bool:
        now = time.monotonic()
        if running.process.poll() is None:
            told, grace = (running.noticed, NOTICE) if running.noticed else (running.term, STOP)
            if told and now - told > min(grace, LIMIT + 10):
                self._kill(running)
            return False
        running.close.close()
        code = running.process.returncode
        if running.noticed or running.term:
            self.exits.append((now - (running.noticed or running.term), code))
        self._settle(running, code)
        return True

    def _settle(self, running: Running, code: int) -> None:
        child = running.child
        exit_code = 128 - code if code < 0 else code
        reason = (
            "Host EC2 (instance i-0123456789abcdef0) terminated."
            if running.lost
            else "Essential container in task exited"
        )
        began = int(running.started * 1000)
        container = {"exitCode": exit_code, "logStreamName": str(running.log)} if not running.lost else {}
        child.attempts.append(
            {
                "container": container,
                "statusReason": reason,
                "startedAt": began,
                "stoppedAt": int(time.monotonic() * 1000),
            }
        )
        child.reason = reason
        if code == 0:
            child.status = "SUCCEEDED"
            return
        strategy = child.request["retryStrategy"]
        again = action(strategy["evaluateOnExit"], reason, "", None if running.lost else exit_code) == "RETRY"
        child.status = "RUNNABLE" if again and len(child.attempts) < strategy["attempts"] else "FAILED"

    def _kill(self, running: Running) -> None:
        with suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()

    def _described(self, name: str) -> dict[str, Any]:
        if name in self.parents:
            mine = self.parents[name]
            states = [child.status for child in mine]
            over = all(state in ("SUCCEEDED", "FAILED") for state in states)
            status = ("FAILED" if "FAILED" in states else "SUCCEEDED") if over else "PENDING"
            return {"jobId": name, "status": status, "arrayProperties": {"size": len(mine)}}
        child = self.children[name]
        needs = child.request["containerOverrides"]["resourceRequirements"]
        return {
            "jobId": name,
            "status": child.status,
            "statusReason": child.reason,
            "attempts": child.attempts,
            "container": {"resourceRequirements": [*needs, {"type": "VCPU", "value": "4"}]},
            **{key: child.attempts[-1][key] for key in ("startedAt", "stoppedAt") if child.attempts},
        }


def check(request: Mapping[str, Any]) -> None:
    """The service's own rules, as its API reference has them."""
    assert JOB_NAME.fullmatch(request["jobName"]), request["jobName"]
    assert request["jobQueue"]
    assert request["jobDefinition"]
    assert 2 <= request.get("arrayProperties", {"size": 2})["size"] <= 10_000
    assert request["timeout"]["attemptDurationSeconds"] >= 60
    assert 1 <= request["retryStrategy"]["attempts"] <= 10
    rules = request["retryStrategy"]["evaluateOnExit"]
    assert 1 <= len(rules) <= 5
    for rule in rules:
        patterns = {key: value for key, value in rule.items() if key != "action"}
        assert patterns, "a rule without a condition"
        assert set(patterns) <= {"onStatusReason", "onReason", "onExitCode"}
        assert rule["action"] in ("RETRY", "EXIT")
        assert re.fullmatch(r"[0-9]+\*?|\*", patterns.get("onExitCode", "1"))
        assert all("*" not in value[:-1] and len(value) <= 512 for value in patterns.values()), (
            "* may only end a pattern"
        )
    assert len(request["tags"]) <= 50
    needs = request["containerOverrides"]["resourceRequirements"]
    assert all(set(need) == {"type", "value"} and need["value"].isdigit() for need in needs)
    assert len(str(request)) < 30 * 1024, "SubmitJob takes 30 KiB"


def action(rules: Sequence[Mapping[str, str]], status_reason: str, reason: str, exit_code: int | None) -> str:
    """Of the first rule all of whose patterns match; a failed job that matches none is tried again."""
    said = {
        "onStatusReason": status_reason,
        "onReason": reason,
        "onExitCode": "" if exit_code is None else str(exit_code),
    }
    for rule in rules:
        patterns = {key: value for key, value in rule.items() if key != "action"}
        if all(_matches(pattern, said[key]) for key, pattern in patterns.items()):
            return rule["action"]
    return "RETRY"


def _matches(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.lower().startswith(pattern[:-1].lower())
    return text.lower() == pattern.lower()


class Disturber:
    """So many notices and kills at random moments, from a seed."""

    def __init__(self, seed: int, *, notices: int = 0, kills: int = 0, terms: int = 0, pause: float = 1.0) -> None:
        self.random = random.Random(seed)
        self.left = ["notice"] * notices + ["kill"] * kills + ["term"] * terms
        self.random.shuffle(self.left)
        self.pause = pause
        self.next = time.monotonic() + self._wait()

    def __call__(self, running: list[Running]) -> None:
        calm = [each for each in running if not (each.noticed or each.term or each.lost) and self._may(each)]
        last = len(running) < 2  # nothing waits: what is left is done to this one, however fast the machine is
        if not self.left or not calm or (time.monotonic() < self.next and not last):
            return
        self.next = time.monotonic() + self._wait()
        victim, what = self.random.choice(calm), self.left.pop()
        if what == "kill":
            victim.lost = True
            with suppress(ProcessLookupError):
                os.killpg(victim.process.pid, signal.SIGKILL)
        elif what == "notice":
            victim.noticed = time.monotonic()
            victim.metadata.notice()
        else:
            self.term(victim)

    @staticmethod
    def term(running: Running) -> None:
        running.term = time.monotonic()
        running.process.send_signal(signal.SIGTERM)

    def _may(self, running: Running) -> bool:
        """Batch itself gives up after so many attempts; on a slow machine they may all end before Python has begun."""
        attempts: int = running.child.request["retryStrategy"]["attempts"]
        return len(running.child.attempts) < attempts - 2

    def _wait(self) -> float:
        return self.random.uniform(0.2, 2.0) * self.pause
