"""What the docs name is there: commands, options, files, config keys, variables, functions, codes."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from assetpipe.cli import cli
from assetpipe.config import Config, Level, load_config
from assetpipe.manifest import json_schema

ROOT = Path(__file__).parents[1]
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
MADE = {
    "poster.webp",
    "manifest.json",
    "index.json",
    "index-1.json",
    "submission.json",
    "config-HASH.toml",
    "ASSET.json",
    "JOB.json",
}
"""Files that we write, and names that stand for such."""
Words = tuple[str, ...]


def commands(command: click.Command = cli, path: Words = ()) -> Iterator[tuple[Words, set[str]]]:
    """Path of words -> options."""
    yield path, {"--help", "-h", *(name for each in command.params for name in (*each.opts, *each.secondary_opts))}
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


COMMANDS = dict(commands())


def keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation)


KEYS = {*keys(Config), *keys(Level)}


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(listed.split("\n"))


@cache
def code() -> str:
    """All that runs, in one text."""
    ours = [path for path in tracked() if path.startswith(("assetpipe/", "benchmarks/", "tests/", ".ci/", "scripts/"))]
    ours = [path for path in (*ours, "Dockerfile") if path.endswith((".py", ".mjs", "run", "setup", "Dockerfile"))]
    return "\n".join((ROOT / path).read_text(encoding="utf-8") for path in ours if (ROOT / path).is_file())


def typed(text: str) -> Iterator[tuple[Words, list[str]]]:
    """Each command line that a text shows: the command that it is, and its options."""
    for line in re.findall(r"assetpipe ((?:[a-z-]+\b)[^\n`|&;)]*)", text):
        words = line.split("#")[0].split()
        command: Words = ()
        for word in words:
            if (*command, word) not in COMMANDS:
                break
            command = (*command, word)
        if command:
            yield command, [word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z].*", word)]


@pytest.fixture(params=DOCS, ids=[path.name for path in DOCS])
def page(request: pytest.FixtureRequest) -> tuple[Path, str]:
    return request.param, request.param.read_text(encoding="utf-8")


def test_commands_have_the_options_that_are_shown_with_them(page: tuple[Path, str]) -> None:
    """Also those that stand alone in a sentence: some command, or a benchmark, has them."""
    shown = [(command, option) for command, options in typed(page[1]) for option in options]
    assert [each for each in shown if each[1] not in COMMANDS[each[0]]] == []
    known = set().union(*COMMANDS.values())
    alone = set(re.findall(r"`(--[a-z][a-z-]+)", page[1]))
    assert {each for each in alone - known if f'"{each}"' not in code()} == set()


def test_files_that_are_named_are_there(page: tuple[Path, str]) -> None:
    """Beside the page, in the checkout, in the package; modules also by their name alone."""
    path, text = page
    links = {link for link in re.findall(r"\]\(([^)#:]+)\)", text) if not (path.parent / link).exists()}
    named = set(re.findall(r"`([\w./-]+\.(?:py|toml|md|json|mjs|sh|webp))`", text))
    names = {Path(each).name for each in tracked()}
    lost = {each for each in named if Path(each).name not in names | MADE}
    folders = set(re.findall(r"`((?:assetpipe|tests|benchmarks|docs|configs|scripts|sample_models)/[\w./-]+)`", text))
    gone = {each for each in folders if not (ROOT / each).exists() and not re.search(r"assetpipe/\w+/\d", each)}
    assert (links, lost, gone) == (set(), set(), set())


def test_settings_variables_functions_and_codes_exist(page: tuple[Path, str]) -> None:
    """By the letter: `[textures] bake`, ASSETPIPE_CACHE, `fit(…)`, E_BUG."""
    text = page[1]
    settings = {key for _, key in re.findall(r"`\[(\w+)\] (\w+)", text)}
    words = set(re.findall(r"\b(?:ASSETPIPE_[A-Z_]+|[EW]_[A-Z][A-Z_]+)\b", text))
    functions = set(re.findall(r"`(?:[a-z_]+\.)*([a-z_]+)\(", text))
    assert settings - KEYS == set()
    assert {word for word in words if word not in code()} == set()
    assert {name for name in functions if not re.search(rf"\b(?:def|class) {name}\b|\b{name} = ", code())} == set()


def test_configs_that_are_shown_are_valid(page: tuple[Path, str], tmp_path: Path) -> None:
    """As they are: whoever copies one has a config that loads."""
    for block in re.findall(r"```toml\n(.*?)```", page[1], re.DOTALL):
        tomllib.loads(block)
        (tmp_path / "shop.toml").write_text(block, encoding="utf-8")
        load_config(tmp_path / "shop.toml")


def fields(schema: dict[str, Any], kind: dict[str, Any], path: str = "") -> Iterator[str]:
    """The lines of the table in docs/manifest.md: each field with what the schema says of it."""
    for name, said in kind["properties"].items():
        inner = said.get("items", said)
        inner = next((each for each in inner.get("anyOf", [inner]) if each.get("type") != "null"), inner)
        here = f"{path}{name}{'[]' if said.get('type') == 'array' and '$ref' in inner else ''}"
        if "$ref" in inner:
            yield from fields(schema, schema["$defs"][inner["$ref"].rpartition("/")[2]], f"{here}.")
        else:
            yield f"| `{here}` | {said['description'].rstrip('.')} |"


def test_every_field_of_a_manifest_is_explained() -> None:
    """In the words of the schema, which are those of the code."""
    schema = json_schema()
    expected = list(fields(schema, schema))
    shown = [line for line in (ROOT / "docs" / "manifest.md").read_text().splitlines() if line.startswith("| `")]
    assert shown == expected
    assert len(shown) > 30
