"""What can go wrong, who must act, and the exit code that says so.

    AssetpipeError                exit  who must act
    ├── UsageError                   2  whoever typed the command
    ├── SomeFailed                   3  whoever reads the summary: some of several assets failed
    ├── SourceError                 65  the author of the source; no retry helps
    ├── MissingFile                 66  whoever named or forgot a file
    ├── ServiceUnavailable          69  whoever runs the service or installs the tool that is missing
    ├── LimitExceeded               70  whoever sets the limit, or the author of the source
    ├── TryAgain                    75  nobody: the batch retries on this one alone
    ├── NotPermitted                77  whoever grants rights on files and buckets
    └── ConfigError                 78  whoever wrote the config

Anything else that escapes is a bug of ours: exit 1.
"""

from __future__ import annotations


class AssetpipeError(Exception):
    """`code` is stable and for machines (E_GLB_TRUNCATED), `message` names file and fault, `hint` the cure."""

    exit_code = 1

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """An error crosses process borders with its hint (the batch runs assets in children)."""
        return (_rebuild, (type(self), self.code, self.message, self.hint))


class UsageError(AssetpipeError):
    """The command cannot mean what was typed."""

    exit_code = 2


class SomeFailed(AssetpipeError):
    """Some of several assets failed; each has already said why."""

    exit_code = 3


class SourceError(AssetpipeError):
    """The source file cannot become a scene. Its author must act; no retry helps."""

    exit_code = 65


class MissingFile(AssetpipeError):
    """A file that was named does not exist, or one that the source refers to."""

    exit_code = 66


class ServiceUnavailable(AssetpipeError):
    """A service or an outside tool (node, a store, a CDN) is not there."""

    exit_code = 69


class LimitExceeded(AssetpipeError):
    """A limit of memory, time, size or quality was hit; the message has the value and the limit."""

    exit_code = 70


class TryAgain(AssetpipeError):
    """Nothing is wrong with the work itself: the same command may succeed later."""

    exit_code = 75


class NotPermitted(AssetpipeError):
    """The system refused to read or write."""

    exit_code = 77


class ConfigError(AssetpipeError):
    """A config file is misspelt or impossible; the message names file, key and what is allowed."""

    exit_code = 78


def _rebuild(kind: type[AssetpipeError], code: str, message: str, hint: str) -> AssetpipeError:
    return kind(code, message, hint=hint)
