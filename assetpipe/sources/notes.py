"""What a reader mends or wonders about on its way, collected; it ends in the scene's `repairs` and `warnings`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notes:
    repairs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def repair(self, code: str, text: str) -> None:
        _add(self.repairs, f"{code} {text}")

    def warn(self, code: str, text: str) -> None:
        _add(self.warnings, f"{code} {text}")


def printable(text: str) -> str:
    """Names come from strangers: no line break, colour code or bidi control of theirs reaches a terminal or a log."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _add(lines: list[str], line: str) -> None:
    line = printable(line)
    if line not in lines:
        lines.append(line)
