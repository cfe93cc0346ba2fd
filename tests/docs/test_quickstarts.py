"""Each quickstart is a whole site, and keeps its word, as its page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import DOCS, blocks_of, write_files
from tests.live import Live, free_port, serving

PAGES = sorted(
    path.relative_to(DOCS).as_posix()
    for path in (DOCS / "quickstart").glob("*.md")
    if path.name != "index.md"
)
VIDEO = re.compile(rb'<iframe[^>]* src="https://www\.youtube\.com/')
NOTICE = re.compile(rb'name="notice" value="([^"]+)"')


def command_of(page: str) -> tuple[dict[str, str], list[str]]:
    """Environment and arguments of the line that the page says the site is run with."""
    line = next(block.text for block in blocks_of(page) if "uvicorn app:app" in block.text)
    words = shlex.split(line)
    settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    return settings, [word for word in words if not re.match(r"[A-Z_]+=", word)]


@pytest.fixture(params=PAGES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Live]]:
    """A page's site, running."""
    page, port = request.param, free_port()
    write_files("quickstart/index.md", tmp_path)
    write_files(page, tmp_path)
    settings, command = command_of(page)
    with serving(
        [*command, "--port", str(port)], tmp_path / "output", settings, port=port, folder=tmp_path
    ) as live:
        yield page, live


def test_a_quickstart_keeps_its_word(site: tuple[str, Live]) -> None:
    """Nothing before the choice, everything after it, nothing after a refusal."""
    page, live = site
    first = live.ask("/", accept="text/html")
    assert first.status == 200, live.output
    notice = NOTICE.search(first.body)
    assert notice is not None
    if page == "quickstart/datasette.md":
        return  # it has no video and counts nobody
    assert not first.cookie("visits")
    assert not VIDEO.search(first.body)

    token = cookies_of(live, "accept", notice[1].decode())
    granted = live.ask("/", accept="text/html", cookie=token)
    assert granted.cookie("visits") == "1"
    assert VIDEO.search(granted.body)
    assert b"true" in live.ask("/recommendations", cookie=token).body

    token = cookies_of(live, "reject", notice[1].decode())
    refused = live.ask("/", accept="text/html", cookie=token)
    assert not refused.cookie("visits")
    assert not VIDEO.search(refused.body)
    assert b"false" in live.ask("/recommendations", cookie=token).body


def cookies_of(live: Live, choice: str, notice: str) -> str:
    """The ``Cookie`` field of a visitor who has chosen."""
    answer = live.choose(choice, notice=notice)
    assert answer.status == 303, answer.body
    lines = [value for key, value in answer.headers if key.lower() == "set-cookie"]
    return "; ".join(line.partition(";")[0] for line in lines if "Max-Age=0" not in line)


def test_every_page_is_in_the_first_one() -> None:
    """Nobody has to guess which frameworks there is a page for."""
    index = (DOCS / "quickstart" / "index.md").read_text(encoding="utf-8")
    assert not [page for page in PAGES if f"({Path(page).name})" not in index]
