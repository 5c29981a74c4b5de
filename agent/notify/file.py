"""Read the notifier's file, and tell every mistake in it at once.

Opens no connection; looks at the files and variables that hold URLs, so that a missing one is told now.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.mistakes import Mistake, nearest, repeated, rows_of, section, unknown_key
from agent.notify.settings import NotifyFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.notify.settings import Target

HIDDEN_KEY = ".url"
"""End of the key path whose value is never shown."""


class NotifyFileError(Exception):
    """The file cannot be used: correct every mistake it names, then try again."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        super().__init__(f"{path}: {len(mistakes)} mistake(s)")
        self.path = path
        self.mistakes = mistakes


class NoUrlError(Exception):
    """The URL of a target cannot be had: the message says why, without the URL."""


def read(path: Path) -> NotifyFile:
    """Return the file at `path`.  Raises NotifyFileError with every mistake found."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotifyFileError(path, [Mistake("", "no such file")]) from None
    except OSError as error:
        raise NotifyFileError(path, [Mistake("", f"cannot be read: {error.strerror}")]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NotifyFileError(path, [Mistake("", f"is not TOML in UTF-8: {error}")]) from error
    return parse(tables, path)


def parse(tables: Mapping[str, Any], path: Path) -> NotifyFile:
    """Return the file with these TOML tables.  Raises NotifyFileError with every mistake found."""
    mistakes: list[Mistake] = []
    valid: dict[str, Any] = {}
    fields = NotifyFile.model_fields
    mistakes += [Mistake(key, unknown_key(key, list(fields))) for key in tables if key not in fields]
    for key, field in fields.items():
        if key in tables:
            section(key, field.annotation, tables[key], valid, mistakes)
        elif field.is_required():
            mistakes.append(Mistake(key, f"table [{key}] is missing"))
        else:
            valid[key] = field.default
    mistakes += _wrong_names(tables)
    for index, target in enumerate(valid.get("target", ())):
        mistakes += _without_url(f"target[{index}]", target)
    if mistakes:
        raise NotifyFileError(path, [_discreet(mistake) for mistake in mistakes])
    return NotifyFile.model_construct(**valid)


def url_of(target: Target) -> str:
    """Return the URL of a target.  Raises NoUrlError."""
    if target.url:
        return target.url
    if target.url_env:
        url = os.environ.get(target.url_env, "").strip()
        if not url:
            raise NoUrlError(f"environment variable {target.url_env} is not set")
        return url
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / (target.url_file or "")
    try:
        url = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError as error:
        raise NoUrlError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoUrlError(f"{path} is not UTF-8") from error
    if not url:
        raise NoUrlError(f"{path} is empty: its first line must be the URL")
    return url


def _without_url(where: str, target: Target) -> Iterator[Mistake]:
    try:
        url_of(target)
    except NoUrlError as error:
        yield Mistake(f"{where}.{'url_env' if target.url_env else 'url_file'}", str(error))


def _wrong_names(tables: Mapping[str, Any]) -> Iterator[Mistake]:
    """Names that occur twice or that nothing bears."""
    targets, rules = rows_of(tables.get("target")), rows_of(tables.get("rule"))
    known = [name for _, target in targets if isinstance(name := target.get("name"), str)]
    yield from repeated("target", targets)
    yield from repeated("rule", rules)
    for index, rule in rules:
        to = rule.get("to")
        for place, name in enumerate(to if isinstance(to, list) else ()):
            if isinstance(name, str) and name not in known:
                yield Mistake(f"rule[{index}].to[{place}]", f"no target {name!r}{nearest(name, known)}")
    notify = tables.get("notify")
    fallback = notify.get("fallback", "") if isinstance(notify, dict) else ""
    if isinstance(fallback, str) and fallback and fallback not in known:
        yield Mistake("notify.fallback", f"no target {fallback!r}{nearest(fallback, known)}")


def _discreet(mistake: Mistake) -> Mistake:
    """The mistake without the value of a URL."""
    hidden = HIDDEN_KEY in mistake.where
    return Mistake(mistake.where, mistake.what.partition("; it is ")[0]) if hidden else mistake
