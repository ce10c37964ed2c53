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


def _add(lines: list[str], line: str) -> None:
    if line not in lines:
        lines.append(line)
