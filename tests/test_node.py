import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assetpipe import node
from assetpipe.errors import LimitExceeded, ServiceUnavailable, SourceError
from assetpipe.node import packages

pytestmark = pytest.mark.node

ECHO = """
import { serve } from "./io.mjs";
await serve((data, options) => (options.environment ? JSON.stringify(process.env) : data));
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scripts beside the installed packages of ours."""
    installed = packages.packages_folder() / "node_modules"
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("package.json", "package-lock.json", "io.mjs"):
        shutil.copy(packages.HERE / name, folder / name)
    monkeypatch.setattr(packages, "HERE", folder)
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path / "cache"))
    packages.packages_folder().mkdir(parents=True)
    (packages.packages_folder() / "node_modules").symlink_to(installed)
    return folder


def test_a_hundred_megabytes_go_through_unharmed(tools: Path) -> None:
    """A tool gets and gives back as many bytes as a large model has."""
    (tools / "echo.mjs").write_text(ECHO)
    data = os.urandom(1 << 20) * 100
    assert node.run_node("echo", data) == data


def test_no_bytes_are_data_too(tools: Path) -> None:
    """An empty input is no error of the frame's."""
    (tools / "echo.mjs").write_text(ECHO)
    assert node.run_node("echo", b"") == b""


def test_a_tool_never_sees_the_credentials_of_this_process(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Third-party JavaScript gets no environment variable that it has no use for."""
    (tools / "echo.mjs").write_text(ECHO)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-mine")
    monkeypatch.setenv("NODE_OPTIONS", "--require=/nowhere.js")
    assert b"secret-of-mine" not in node.run_node("echo", b"", options={"environment": True})


def test_an_edited_script_takes_effect_at_once(tools: Path) -> None:
    """The copy that node runs is named by the scripts' content."""
    for answer in ("one", "two"):
        (tools / "say.mjs").write_text(f'import {{ serve }} from "./io.mjs"; await serve(() => "{answer}");')
        assert node.run_node("say", b"") == answer.encode()


def test_bad_data_is_the_sources_fault_and_anything_else_the_tools(tools: Path) -> None:
    """The exit code says who must act; the message is what the script said, in one line."""
    frame = 'import { BadData, serve } from "./io.mjs"; await serve(() => { throw new '
    (tools / "bad.mjs").write_text(frame + 'BadData("level 3\\nis missing"); });')
    (tools / "bug.mjs").write_text(frame + 'TypeError("no such thing"); });')
    (tools / "raw.mjs").write_text('throw new RangeError("no such level");')
    with pytest.raises(SourceError, match=r"^bad: level 3 is missing$"):
        node.run_node("bad", b"x")
    with pytest.raises(ServiceUnavailable, match=r"^bug: no such thing$"):
        node.run_node("bug", b"x")
    with pytest.raises(ServiceUnavailable, match=r"^raw: RangeError: no such level$"):
        node.run_node("raw", b"x")


def test_a_tool_that_ends_without_reading_is_judged_by_its_exit_code(tools: Path) -> None:
    """A closed pipe is no fault of its own."""
    (tools / "quit.mjs").write_text('process.stderr.write("not today"); process.exit(3);')
    with pytest.raises(ServiceUnavailable, match=r"^quit: not today$"):
        node.run_node("quit", bytes(10_000_000))


def test_a_timeout_ends_the_tool_and_what_it_has_started(tools: Path, tmp_path: Path) -> None:
    """No process outlives its deadline, grandchildren included."""
    pids = tmp_path / "pids"
    (tools / "hang.mjs").write_text(
        'import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs";'
        'const child = spawn("sleep", ["60"]);'
        f"writeFileSync({str(pids)!r}, `${{process.pid}} ${{child.pid}}`); setInterval(() => {{}}, 1000);"
    )
    for seconds in (2, 10, 50):  # a busy machine may need longer than the first to start node at all
        with pytest.raises(LimitExceeded, match=f"took longer than {seconds} s") as caught:
            node.run_node("hang", b"", timeout=seconds)
        assert caught.value.code == "E_NODE_TIMEOUT"
        if pids.exists() and pids.read_text():
            break
    assert len(pids.read_text().split()) == 2
    assert not any(_alive(int(pid)) for pid in pids.read_text().split())


def test_without_node_the_hint_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing tool is named with its cure, never a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not node.node_ready()
    assert node.node_version() is None
    with pytest.raises(ServiceUnavailable, match="apt install nodejs") as caught:
        node.run_node("validate", b"")
    assert caught.value.code == "E_NODE_MISSING"


def test_without_the_packages_the_hint_names_the_doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is downloaded behind the user's back."""
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path))
    assert not node.node_ready()
    with pytest.raises(ServiceUnavailable, match="assetpipe doctor --fix") as caught:
        node.run_node("validate", b"")
    assert caught.value.code == "E_NODE_PACKAGES"


def test_packages_installed_twice_at_once_are_whole_and_leave_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever is first wins, and no half-made folder is ever seen under the final name."""
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{_fake_npm(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: node.install_packages(), range(4)))
    assert folders == {packages.packages_folder()}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [packages.packages_folder().name]
    assert (packages.packages_folder() / "node_modules" / "done").read_text() == "whole\n"


def test_npm_that_fails_is_quoted_and_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken network is a missing service, and the next try starts clean."""
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'no route to host' >&2; exit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("ASSETPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ServiceUnavailable, match="no route to host"):
        node.install_packages()
    assert not list((tmp_path / "cache").iterdir())


def test_the_lock_names_versions_and_digests_and_no_host() -> None:
    """Packages come from the registry that the user has configured, and must be the very bytes that we tested."""
    lock = (packages.HERE / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in lock
    assert lock.count('"version"') == lock.count('"integrity": "sha512-')


def test_importing_the_runtime_starts_nothing_and_needs_no_node() -> None:
    """A machine without node imports assetpipe as fast as any other."""
    code = "import assetpipe.node, sys; sys.exit('asyncio' in sys.modules)"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={"PATH": ""}, check=True, cwd=packages.HERE.parents[1])
    assert time.perf_counter() - started < 100


def _alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _fake_npm(folder: Path) -> Path:
    """An npm that takes half a second to install and leaves a half-made folder meanwhile."""
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\nmkdir node_modules; sleep 0.5; echo whole > node_modules/done\n")
    npm.chmod(0o755)
    return npm.parent
