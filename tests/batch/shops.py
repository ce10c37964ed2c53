"""Whoever is told of publishes: an SNS topic or an EventBridge bus, with a queue behind it that tests read; and a
service that answers what a test says, or nothing."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from assetpipe.delivery.events import Event, parse_event

REGION = "eu-central-1"


@dataclass(frozen=True)
class Shop:
    """`target` is what `[publish] events` says."""

    target: str
    queue: str
    sqs: Any

    def letters(self) -> list[dict[str, Any]]:
        """As they came; a letter is gone when it has been read."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    def events(self) -> list[Event]:
        """By type and name, each held against the contract."""
        said = [letter["Message"] if "Message" in letter else json.dumps(letter["detail"]) for letter in self.letters()]
        return sorted((parse_event(document) for document in said), key=lambda event: (event.type, str(event)))


def topic(filters: dict[str, list[str]] | None = None) -> Shop:
    """Of whatever server AWS_ENDPOINT_URL names."""
    name = f"shop-{uuid.uuid4().hex[:8]}"
    target = boto3.client("sns").create_topic(Name=name)["TopicArn"]
    queue, arn = _queue(name)
    attributes = {"FilterPolicy": json.dumps(filters)} if filters else {}
    boto3.client("sns").subscribe(TopicArn=target, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return Shop(target, queue, boto3.client("sqs"))


def bus(pattern: dict[str, Any] | None = None) -> Shop:
    name = f"shop-{uuid.uuid4().hex[:8]}"
    client = boto3.client("events")
    target = client.create_event_bus(Name=name)["EventBusArn"]
    queue, arn = _queue(name)
    rule = json.dumps(pattern or {"source": ["assetpipe"]})
    client.put_rule(Name=name, EventBusName=name, EventPattern=rule)
    client.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    return Shop(target, queue, boto3.client("sqs"))


def _queue(name: str) -> tuple[str, str]:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


class Service(ThreadingHTTPServer):
    """`answers` one after the other, the last one for ever; None is silence. `asked` is what it was sent."""

    def __init__(self, answers: Sequence[object]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = list(answers), list[Any]()
        self.heard, self.over = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body) if body.startswith(b"{") else body)
        self.server.heard.set()
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            self.server.over.wait(300)
            return
        said = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def service(*answers: object) -> Iterator[Service]:
    server = Service(answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
