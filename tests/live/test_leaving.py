"""Leaving, with real servers: what one worker is told holds on every other, and after a restart."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Live, free_port, serving


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[Live]:
    """One uvicorn of the site whose files lie in the folder."""
    port = free_port()
    arguments = ["uvicorn", "--factory", "tests.live.site:make", "--port", str(port)]
    output = folder / f"{port}.txt"
    with serving(arguments, output, {"SITE_FOLDER": str(folder)}, port=port) as live:
        yield live


def accepted(live: Live) -> str:
    """The cookie of a visitor who has just accepted."""
    notice = json.loads(live.ask("/privacy-choices/state").body)["notice"]
    return f"choices={live.choose('accept', notice=notice).cookie('choices')}"


def reaches(live: Live, cookie: str) -> bool:
    """Whether a marketing cookie reaches the app beside this token."""
    return "_fbp" in json.loads(live.ask("/echo", cookie=f"{cookie}; _fbp=1").body)["cookies"]


@pytest.mark.requirement("WDR-03", "WDR-08")
def test_a_withdrawal_holds_everywhere_within_two_seconds(tmp_path: Path) -> None:
    """Two servers share the ledger; what the one is told, the other and a third one obey."""
    with worker(tmp_path) as one, worker(tmp_path) as other:
        cookie = accepted(one)
        assert reaches(one, cookie)
        assert reaches(other, cookie)
        assert one.choose("withdraw", cookie=cookie).status == 303
        withdrawn = time.monotonic()
        assert not reaches(one, cookie)
        while reaches(other, cookie):
            assert time.monotonic() - withdrawn < 2
            time.sleep(0.02)
    with worker(tmp_path) as later:
        assert not reaches(later, cookie)
