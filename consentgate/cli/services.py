"""Owns ``consentgate services``: lists the services that ``use`` knows, and explains one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from consentgate.asgi.startup.policy_file import load_catalogue


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the verb."""
    parser.add_argument("word", nargs="?", default="", help="part of a key, name, alias or host")
    parser.add_argument("--json", action="store_true", help="print every fact as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what was found; exit status 1: nothing."""
    found = dict(search(load_catalogue(), options.word.lower()))
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False, default=str))
    elif len(found) == 1:
        ((key, entry),) = found.items()
        print(explained(key, entry))
    else:
        for key, entry in sorted(found.items()):
            print(f"{key:32} {entry['name']:32} {', '.join(entry['purposes'])}")
    return 0 if found else 1


def search(
    catalogue: Mapping[str, Mapping[str, Any]], word: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entries that a word stands for alone, else all that mention it."""
    exact = {
        key: entry
        for key, entry in catalogue.items()
        if word == key or word in entry.get("aliases", ())
    }
    if exact:
        yield from exact.items()
        return
    for key, entry in catalogue.items():
        texts = (key, entry["name"].lower(), *entry.get("aliases", ()), *entry.get("hosts", ()))
        if any(word in str(text) for text in texts):
            yield key, entry


def explained(key: str, entry: Mapping[str, Any]) -> str:
    """One entry with every fact, and the lines that declare it."""
    facts = [f"{name}: {_said(value)}" for name, value in entry.items()]
    return "\n".join([*facts, "", f"[service.{key}]", f'use = "{key}"'])


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(
            str(one.get("name", one)) if isinstance(one, dict) else str(one) for one in value
        )
    return str(value)
