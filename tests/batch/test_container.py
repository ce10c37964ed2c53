"""The image, without an engine to build it: what it copies is there, what it installs is whole, what it runs works."""

from __future__ import annotations

import ast
import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from assetpipe.batch.warm import ON_GPU, kernel_modules
from assetpipe.kernels import kernel_cache

ROOT = Path(__file__).parents[2]
BASE = re.compile(r"nvidia/cuda:\d+\.\d+\.\d+-runtime-ubuntu\d\d\.04(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True)
class Step:
    """An instruction of a Dockerfile; `stage` counts from 0."""

    word: str
    rest: str
    stage: int


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found, stage = [], -1
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        stage += word == "FROM"
        found.append(Step(word, " ".join(rest.split()), stage))
    return found


def copied(steps: list[Step]) -> list[str]:
    """What is taken from the checkout, in order."""
    words = [shlex.split(step.rest) for step in steps if step.word == "COPY"]
    return [source for each in words if not each[0].startswith("--from") for source in each[:-1]]


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last pattern that matches wins, and one that matches a folder matches all of
    it. Only what our file uses of the language."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!").removeprefix("**/")
        anywhere = "**/" in line
        if not line.strip() or line.startswith("#"):
            continue
        parts = path.split("/")
        candidates = parts if anywhere else ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch.fnmatch(candidate, pattern) for candidate in candidates):
            verdict = not line.startswith("!")
    return verdict


def test_everything_that_is_copied_is_there_and_reaches_the_engine(steps: list[Step]) -> None:
    """A file that moved, or that .dockerignore holds back, would end the build."""
    assert set(copied(steps)) >= {"assetpipe", "configs", "constraints.txt", "pyproject.toml"}
    for source in copied(steps):
        assert (ROOT / source).exists(), source
        assert not ignored(source), source
    assert not ignored("assetpipe/geometry/kernels/sweep.py")
    held_back = [".git/config", "tests/shapes.py", ".venv/bin/python", "assetpipe/batch/__pycache__/aws.pyc", ".env"]
    assert all(ignored(path) for path in held_back)


def test_both_stages_stand_on_one_pinned_cuda_runtime(steps: list[Step]) -> None:
    """Kernels that are compiled in one must load in the other."""
    (base,) = [step.rest.removeprefix("BASE=") for step in steps if step.word == "ARG" and step.stage == -1]
    assert BASE.fullmatch(base)
    assert [step.rest for step in steps if step.word == "FROM"] == ["${BASE} AS build", "${BASE}"]
    assert not [step for step in steps if step.word == "ADD"]


def test_it_runs_as_nobody_in_particular(steps: list[Step]) -> None:
    """A number, which Kubernetes and Batch can check, set before the command; no secret is in the environment."""
    last = [step for step in steps if step.stage == 1]
    (user,) = [step.rest for step in last if step.word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert [step.word for step in last].index("USER") < [step.word for step in last].index("CMD")
    assert "ENTRYPOINT" not in {step.word for step in steps}, "jobs say their whole command"
    environment = " ".join(step.rest for step in steps if step.word in ("ENV", "ARG"))
    assert not re.search(r"(?i)secret|token|password|AWS_ACCESS", environment)
    owner = next(step.rest for step in last if step.word == "COPY")
    assert f"--chown={user}" in owner, "Warp compiles again when it cannot write where its kernels are"


def test_what_is_copied_is_enough_to_install(steps: list[Step], tmp_path: Path) -> None:
    """The build's own pip steps, on what the engine would see and nothing else: the package that comes out has all
    modules, configs, and whatever else is read at run time."""
    context, seen = tmp_path / "context", [path for path in _tracked() if not ignored(path)]
    taken = [path for path in seen if any(path == source or path.startswith(f"{source}/") for source in copied(steps))]
    for path in taken:
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, context / path)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", str(tmp_path)]
    made = subprocess.run([*pip, "."], cwd=context, capture_output=True, text=True, timeout=1_200)
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("assetpipe-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {path for path in _tracked() if path.startswith("assetpipe/")}
    assert ours <= inside, sorted(ours - inside)
    assert {f"assetpipe/{path}" for path in _tracked() if path.startswith("configs/")} <= inside
    assert not [name for name in inside if name.startswith("tests/")]
    entry = next(name for name in inside if name.endswith("entry_points.txt"))
    assert "assetpipe = assetpipe.__main__:main" in zipfile.ZipFile(wheel).read(entry).decode()


def test_every_package_that_is_installed_is_pinned() -> None:
    """`pip install -c constraints.txt .` chooses nothing by itself: all that the package needs, and all that those
    need, has its exact version there, and it is the one that these tests run with."""
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted, known = [Requirement(line) for line in project["dependencies"]], set[str]()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in known or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        known.add(name)
        assert name in pinned, f"{name} is not pinned"
        assert requirement.specifier.contains(pinned[name], prereleases=True), f"{requirement}: pinned {pinned[name]}"
        wanted += [Requirement(line) for line in distribution(name).requires or ()]
    assert {"numpy", "warp-lang", "boto3", "botocore", "urllib3"} <= known


def test_no_kernel_is_left_to_be_compiled_by_a_job() -> None:
    """Whatever file says @wp.kernel is among those that the build compiles; those that bake are compiled for GPUs."""
    kernel = re.compile(r"^@wp\.kernel", re.M)
    files = [path for path in (ROOT / "assetpipe").rglob("*.py") if kernel.search(path.read_text(encoding="utf-8"))]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    assert set(kernel_modules()) == named
    assert {name for name in named if name.startswith("assetpipe.baking.")} <= {
        name for name in named if name.startswith(ON_GPU)
    }


def test_the_gpus_of_the_image_are_known_to_its_compiler(steps: list[Step]) -> None:
    """Compute capabilities that Warp's CUDA can still, or already, compile for."""
    import warp as wp

    (line,) = [step.rest for step in steps if "assetpipe.batch.warm" in step.rest]
    asked = {int(word) for word in line.split() if word.isdigit()}
    kernel_cache()
    assert asked
    assert asked <= set(wp._src.context.runtime.nvrtc_supported_archs)


def test_the_function_for_uploads_needs_nothing_but_boto3() -> None:
    """It is deployed as one file."""
    tree = ast.parse((ROOT / "assetpipe" / "batch" / "on_upload.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    outside = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert outside == {"boto3", "botocore"}


def _tracked() -> list[str]:
    """Files of the checkout that belong to it."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]
