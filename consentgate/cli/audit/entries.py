"""Owns turning what an audit saw into entries of a policy."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from consentgate.cli.audit.findings import Keeper, Known
from consentgate.cli.audit.visits import Stored, Visit, is_own

_HEAD = """# What an audit saw on {host}. Read every entry: a visitor is told what stands here.
version = "{today}"
effective = {today}

[controller]
name = "{host}"
"""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z?-]{1,200}")


def entries_of(visits: Sequence[Visit], known: Known) -> str:
    """A policy of everything that was asked and stored, in any visit; it passes the check."""
    host = next((visit.host for visit in visits), "")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    keepers: dict[str, Keeper] = {}
    strangers: dict[str, None] = {}
    items: dict[str, None] = {}
    for visit in visits:
        for asked in visit.asked:
            keeper = known.of_host(asked)
            if keeper is None:
                strangers[asked.host] = None
            else:
                keepers.setdefault(keeper.key, keeper)
        for stored in visit.stored:
            keeper = known.of_item(stored)
            if keeper is not None:
                keepers.setdefault(keeper.key, keeper)
            elif _is_sites_own(stored, host) and not known.keeps_choice(stored):
                items[stored.name] = None
    parts = [_HEAD.format(host=host, today=today), *_own(items)]
    parts += (f'[service.{key}]\nuse = "{key}"\n' for key, one in keepers.items() if _is_used(one))
    parts += (_stranger(name) for name in strangers)
    return "\n".join(parts)


def _is_sites_own(stored: Stored, host: str) -> bool:
    is_named = stored.kind == "cookie" and _NAME.fullmatch(stored.name) is not None
    return is_named and is_own(stored.host, host)


def _is_used(keeper: Keeper) -> bool:
    return not keeper.is_declared


def _own(names: dict[str, None]) -> Iterator[str]:
    if names:
        listed = ", ".join(f'"{name}"' for name in names)
        yield (
            "# Cookies of the site itself: keep here what it cannot do without, and give the\n"
            "# others a service with the purpose that they serve.\n"
            '[service.this-site]\nname = "This site"\npurposes = ["necessary"]\n'
            f'role = "first-party"\ncookies = [{listed}]\n'
        )


def _stranger(host: str) -> str:
    key = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:34].strip("-")
    return (
        f"# Nobody knows this one: say who it is, and what for.\n[service.host-{key}]\n"
        f'name = "{host}"\npurposes = ["marketing"]\nhosts = ["{host}"]\n'
    )
