"""Makes consentgate/data/third_parties.json from two tables of public facts.

Usage: ``python scripts/vendor_third_parties.py .../third-parties.tsv .../known-cookies.tsv``

The first has name, company, category, rank and hosts of each third party (third-party-web), the
second platform, category, name and whether that is a prefix of each cookie (Open Cookie Database).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parent.parent / "consentgate" / "data" / "third_parties.json"
PURPOSES = {
    "ad": "marketing",
    "marketing": "marketing",
    "social": "marketing",
    "analytics": "statistics",
    "Analytics": "statistics",
    "Marketing": "marketing",
    "Functional": "functional",
    "Personalization": "functional",
}
"""Category to purpose; the other categories say nothing of what data is used for."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{3,100}")


def rows(path: str) -> Iterator[list[str]]:
    """The rows of a table, without its remarks."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def parties(path: str) -> Iterator[list[str]]:
    """``[name, purpose or nothing, hosts]``, the most met first."""
    for name, _, category, _, hosts in rows(path):
        yield [name, PURPOSES.get(category, ""), hosts.strip().lower()]


def cookies(path: str) -> Iterator[list[str]]:
    """``[name, platform, purpose or nothing]``; a star ends a prefix. Of several, the first."""
    known: set[str] = set()
    for platform, category, name, is_prefix, *_ in rows(path):
        written = f"{name}*" if is_prefix == "1" else name
        if _NAME.fullmatch(name) and written not in known:
            known.add(written)
            yield [written, platform, PURPOSES.get(category, "")]


def main(third_parties: str, known_cookies: str) -> None:
    """Write the file."""
    document = {
        "sources": [
            "third-party-web 0.30.0, https://github.com/patrickhulce/third-party-web",
            "Open Cookie Database 2026-01-21, https://github.com/jkwakman/Open-Cookie-Database",
        ],
        "licences": [
            "MIT, Copyright (c) 2018 Patrick Hulce",
            "Apache-2.0, Copyright Jan Kwakman and contributors; changed: columns left out",
        ],
        "parties": list(parties(third_parties)),
        "cookies": sorted(cookies(known_cookies)),
    }
    text = json.dumps(document, ensure_ascii=False, indent=None, separators=(",", ":"))
    TARGET.write_text(text.replace("],[", "],\n[") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
