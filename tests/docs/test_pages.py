"""The pages of the documentation: they become a site, and what they tell operators to write works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import DOCS, blocks_of, write_files
from tests.live import free_port, serving
from tests.live.test_proxies import proxied
from tests.programs import needed

NOTICE = re.compile(rb'name="notice" value="([^"]+)"')


def test_the_pages_become_a_site_without_a_warning(tmp_path: Path) -> None:
    """No page is left out, no link leads nowhere."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    built = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "quickstart" / "index.html").is_file()


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
)
def test_blocks_are_whole(page: str) -> None:
    """Python and JSON that a reader may copy is at least Python and JSON."""
    for language, text in blocks_of(page):
        if language == "python" and "..." not in text:
            compile(text, page, "exec")
        elif language == "json":
            json.loads(text)


def _nginx(folder: Path, port: int, app: int) -> list[str]:
    text = next(block.text for block in blocks_of("deploying.md") if block.language == "nginx")
    location = text.replace("127.0.0.1:8000", f"127.0.0.1:{app}")
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port};\n{location}}} }}\n",
        encoding="utf-8",
    )
    first = str(folder / "error.log")
    return [needed("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", first]


def test_a_choice_works_behind_the_proxy_of_the_page(tmp_path: Path) -> None:
    """With nginx as deploying.md sets it up, accept is accepted, from a page with an Origin."""
    write_files("quickstart/index.md", tmp_path)
    write_files("quickstart/starlette.md", tmp_path)
    app = free_port()
    words = next(b.text for b in blocks_of("deploying.md") if "--proxy-headers" in b.text).split()
    command = [*words, "--port", str(app)]
    settings = {"CONSENTGATE_ENV": "development"}
    with (
        serving(command, tmp_path / "output", settings, port=app, folder=tmp_path) as server,
        proxied(_nginx, tmp_path, app) as site,
    ):
        page = site.ask("/", accept="text/html")
        notice = NOTICE.search(page.body)
        assert notice is not None, server.output
        answer = site.choose("accept", notice=notice[1].decode(), origin="http://127.0.0.1")
        assert answer.status == 303, answer.body
