"""Lists of sources as spreadsheets and people write them: what can be meant is taken, the rest is said by its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assetpipe.batch.lists import read_rows
from assetpipe.errors import UsageError

ONE = [{"source": "a.glb", "asset": "one"}]


def rows(folder: Path, name: str, data: bytes) -> list[dict[str, str]]:
    (folder / name).write_bytes(data)
    return [said for _, said in read_rows(folder / name)]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfsource,asset\r\na.glb,one\r\n",
        "source\tasset\r\na.glb\tone\r\n".encode("utf-16"),
        b"source;asset\na.glb;one\n",
        b"Source, Asset \na.glb, one\n",
        b"source,asset,\n\n  \n,,\na.glb,one,\n,,\n",
        b'source,asset\n"a.glb","one"',
    ],
)
def test_what_spreadsheets_write_is_one_list(data: bytes, tmp_path: Path) -> None:
    """Marks in front, UTF-16, semicolons and tabs, CRLF, spaces and capitals in the header, empty rows and columns."""
    assert rows(tmp_path, "list.csv", data) == ONE


def test_names_may_have_commas_line_feeds_and_what_unicode_takes_for_one(tmp_path: Path) -> None:
    """Quoted as CSV has it, or in JSON; places still count lines of the file."""
    odd = "a, b\nc\u2028d \u00fc.glb"
    assert rows(tmp_path, "list.csv", f'source\n"{odd}"\n'.encode()) == [{"source": odd}]
    assert rows(tmp_path, "list.jsonl", '{"source": "a\u2028b.glb"}\r\n\n{"source": "c"}'.encode()) == [
        {"source": "a\u2028b.glb"},
        {"source": "c"},
    ]


def test_a_deadline_is_a_number_of_seconds(tmp_path: Path) -> None:
    """As spreadsheets and programs write it; an empty cell is none."""
    assert rows(tmp_path, "list.csv", b"source,deadline\na.glb,7200\nb.glb,\n") == [
        {"source": "a.glb", "deadline": 7200.0},
        {"source": "b.glb"},
    ]
    assert rows(tmp_path, "list.jsonl", b'{"source": "a", "deadline": 90.5}\n{"source": "b", "deadline": null}\n') == [
        {"source": "a", "deadline": 90.5},
        {"source": "b"},
    ]


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("list.csv", b"source,deadline\na.glb,soon\n", "line 2: deadline: 'soon' is no number of seconds"),
        ("list.csv", b"source,deadline\na.glb,0\n", "line 2: deadline: '0' is no number of seconds"),
        ("list.csv", b"source,deadline\na.glb,nan\n", "line 2: deadline: 'nan' is no number of seconds"),
        ("list.jsonl", b'{"source": "a", "deadline": true}\n', "line 1: deadline: True is no number of seconds"),
        ("list.csv", b"source,asset,asset\na.glb,x,y\n", "line 1: column asset is there twice"),
        ("list.csv", b"source,asset\na.glb,x\nb.glb,x,y\n", "line 3: 3 cells, the header has 2"),
        ("list.csv", b"source,colour\na.glb,red\n", "line 2: unknown column colour"),
        ("list.csv", b"asset\nx\n", "line 2: unknown column|line 2: no source"),
        ("list.csv", "source\nü.glb\n".encode("latin-1"), "line 2: byte 0xfc is not UTF-8"),
        ("list.csv", b"source\na\0.glb\n", r"line 2: source: 'a\\x00.glb' is no name"),
        ("list.csv", b"source\n" + b"a" * 200_000 + b"\n", "line 2: field larger"),
        ("list.csv", b'source,asset\n"a.glb,x\nb.glb,y\n', "line 3: unexpected end"),
        ("list.jsonl", b'{"source": "a"}\n{"source": 3}\n', "line 2: source: 3 is no name"),
        ("list.jsonl", b'{"source": "\\ud800"}\n', "line 1: source: .* is no name"),
        ("list.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("list.jsonl", b"[]\n", "line 1: not a JSON object"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(name: str, data: bytes, fault: str, tmp_path: Path) -> None:
    """As a mistake in the list: never a traceback, never a guess."""
    with pytest.raises(UsageError, match=re.escape(str(tmp_path)) + rf".*: ({fault})"):
        rows(tmp_path, name, data)


def test_a_long_list_is_read_as_it_comes(tmp_path: Path) -> None:
    """Twenty thousand lines, each once, in their order."""
    data = "source,asset\n" + "".join(f"m/{at}.glb,a{at}\n" for at in range(20_000))
    (tmp_path / "list.csv").write_text(data)
    assert sum(said["asset"] == f"a{at}" for at, (_, said) in enumerate(read_rows(tmp_path / "list.csv"))) == 20_000
