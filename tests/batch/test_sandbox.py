"""A child can neither read, write, connect nor signal outside its job: what has canaries is looked at by a reader that
tries everything, within and, as the control, without."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assetpipe.batch.calls import work_batch
from assetpipe.batch.plan import Item
from assetpipe.batch.run import carry_out
from tests.batch.nights import batch, items
from tests.commands import run

PROBE = """
import json, os, signal, socket, sys, tempfile
from pathlib import Path
from assetpipe.batch.order import Order
from assetpipe.batch.rights import rights_of
from assetpipe.sandbox import confine
wanted, within = json.loads(sys.argv[1]), sys.argv[2] == "within"
folder = Path.cwd()
if within:
    confine(rights_of(Order.model_validate(wanted["order"]), folder))

def tried(what):
    try:
        return what() or "done"
    except OSError as error:
        return type(error).__name__

def connect():
    with socket.create_connection(("127.0.0.1", wanted["port"]), timeout=120) as line:
        return line.recv(100).decode()

said = {path: tried(lambda: Path(path).read_bytes().decode(errors="replace")) for path in wanted["read"]}
said |= {f"+{path}": tried(lambda: Path(path).write_text("made") and "done") for path in wanted["write"]}
said["environment"] = tried(lambda: Path(f"/proc/{wanted['neighbour']}/environ").read_bytes().decode())
said["connection"], said["signal"] = tried(connect), tried(lambda: os.kill(wanted["neighbour"], signal.SIGCONT))
said["shell"] = tried(lambda: os.popen(f"cat {wanted['read'][0]} 2>/dev/null").read())
print(json.dumps(said))
"""
CANARY = "canary-5be1"
SECRETS = (".aws/credentials", ".ssh/id_ed25519", ".netrc", ".config/gcloud/credentials.db", "mail.txt")


@dataclass(frozen=True)
class Place:
    """A home with secrets, a job, and a server that tells whoever connects."""

    home: Path
    job: Path
    out: Path
    source: Path
    kernels: Path
    port: int
    neighbour: int
    """a process that has a key in its environment"""

    def probe(self, within: str) -> dict[str, str]:
        order = {
            "stage": "build",
            "item": Item(
                source=str(self.source), asset="chair", config=str(self.home / "own.toml"), bytes=1
            ).model_dump(),
            "out": str(self.out),
            "source": str(self.source),
            "runner": os.getpid(),
        }
        asked = {
            "order": order,
            "port": self.port,
            "neighbour": self.neighbour,
            "read": [*(str(self.home / name) for name in SECRETS), *map(str, self.readable), "/etc/shadow"],
            "write": list(map(str, [*self.writable, *self.forbidden])),
        }
        environment = {**os.environ, "HOME": str(self.home), "WARP_CACHE_PATH": str(self.kernels)}
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
        done = subprocess.run(
            [sys.executable, "-c", PROBE, json.dumps(asked), within],
            cwd=self.job,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert not done.stderr, done.stderr
        said: dict[str, str] = json.loads(done.stdout)
        return said

    @property
    def readable(self) -> list[Path]:
        return [self.source, self.source.with_name("chair.bin"), self.home / "own.toml", self.kernels / "compiled.o"]

    @property
    def writable(self) -> list[Path]:
        return [self.job / "tmp" / "scratch", self.out / "chair.glb"]

    @property
    def forbidden(self) -> list[Path]:
        return [self.home / ".bashrc", self.source, self.source.with_name("new"), self.kernels / "compiled.o"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    for name in (*SECRETS, "own.toml", "models/chair.gltf", "models/chair.bin", ".bashrc", ".cache/k/compiled.o"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(CANARY)
    for name in ("job/tmp", "out"):
        (tmp_path / name).mkdir(parents=True)
    keys = {**os.environ, "AWS_SECRET_ACCESS_KEY": CANARY}
    neighbour = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], env=keys)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        folders = home, tmp_path / "job", tmp_path / "out", home / "models/chair.gltf", home / ".cache/k"
        yield Place(*folders, port, neighbour.pid)
    neighbour.kill()
    neighbour.wait()


def _greet(server: socket.socket) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        with line:
            line.sendall(CANARY.encode())


def test_a_child_reads_its_source_and_no_keys(place: Place) -> None:
    """Nothing of the home, no other process's environment, not what only root may; what it needs it can read."""
    said = place.probe("within")
    assert {said[str(path)] for path in place.readable} == {CANARY}
    refused = {path: found for path, found in said.items() if path not in map(str, place.readable)}
    assert not [path for path, found in refused.items() if CANARY in found]
    assert {refused[str(place.home / name)] for name in SECRETS} == {"PermissionError"}
    assert {refused["/etc/shadow"], refused["environment"]} == {"PermissionError"}


def test_a_child_writes_its_own_folders_only(place: Place) -> None:
    """Not the source, not what lies beside it, no start-up file, no kernel that others will run."""
    said = place.probe("within")
    assert {said[f"+{path}"] for path in place.writable} == {"done"}
    assert {said[f"+{path}"] for path in place.forbidden} == {"PermissionError"}
    assert (place.kernels / "compiled.o").read_text() == CANARY


def test_a_child_reaches_nobody(place: Place) -> None:
    """No server on this machine, and so none elsewhere; no process but its own; what it starts is bound as it is."""
    said = place.probe("within")
    assert said["connection"] in ("PermissionError", "OSError")
    assert said["signal"] == "PermissionError"
    assert CANARY not in said["shell"]


def test_without_it_every_canary_is_found(place: Place) -> None:
    """The control: the same reader, not confined, finds all of them."""
    said = place.probe("without")
    assert {said[str(place.home / name)] for name in SECRETS} == {CANARY}
    assert all(CANARY in said[what] for what in ("environment", "connection", "shell"))
    assert {said[f"+{path}"] for path in place.forbidden} == {"done"}


@pytest.mark.parametrize(
    ("version", "switch", "said", "by"),
    [(0, "", "no Landlock", ""), (7, "", "", "Landlock 7"), (7, "off", "ASSETPIPE_SANDBOX=off", "")],
)
def test_builds_that_nothing_confines_are_said(
    version: int, switch: str, said: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a run, and once a worker's slice, which go on; the summary and each asset's line say what it was. With it
    nothing is said."""
    monkeypatch.setattr("assetpipe.sandbox.landlock", lambda: version)
    monkeypatch.setenv("ASSETPIPE_SANDBOX", switch)
    heard: list[str] = []
    wanted = batch(tmp_path / "out", items(tmp_path / "in", ["a", "crash"]))
    summary = carry_out(replace(wanted, report=lambda event: heard.append(event.message)))
    assert (summary.done, summary.confined) == (1, by)
    assert [said in each for each in heard if "confined" in each] == [True] * bool(said)
    lines = [json.loads(line) for line in summary.results.read_text().splitlines()]
    assert [line["confined"] for line in lines] == [by, by]
    (tmp_path / "none.jsonl").write_text("")
    work_batch(
        tmp_path / "none.jsonl", to=str(tmp_path / "store"), run="none", report=lambda e: heard.append(e.message)
    )
    assert sum("confined" in each for each in heard) == 2 * bool(said)


def test_doctor_says_whether_builds_are_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the run does, with the cure; a machine without is no broken one."""
    monkeypatch.setattr("assetpipe.sandbox.landlock", lambda: 0)
    done = run("doctor", "--json")
    (line,) = [each for each in json.loads(done.out)["items"] if each["name"] == "sandbox"]
    assert (line["state"], "no Landlock" in line["detail"], "5.13" in line["cure"]) == ("absent", True, True)


def test_a_source_in_a_home_shows_what_is_not_hidden(place: Place) -> None:
    """`~/chair.gltf` may name `~/textures/wood.png`; nobody's keys lie in such a place."""
    inner = place.home / "textures" / "wood.png"
    inner.parent.mkdir()
    inner.write_text("wood")
    source = place.home / "chair.gltf"
    source.write_text("{}")
    said = replace(place, source=source).probe("within")
    assert (said[str(source)], said[str(place.home / "own.toml")]) == ("{}", CANARY)
    assert said[str(place.home / ".aws/credentials")] == said[str(place.home / ".netrc")] == "PermissionError"
