"""A real server whose place database is cut, overwritten and replaced while visitors come in."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tests.databases import city, write_database
from tests.live import free_port, serving


@pytest.mark.requirement("JUR-03")
def test_damage_to_the_database_neither_stops_nor_misplaces_anybody(tmp_path: Path) -> None:
    """Every visitor is answered, by the rules of the last whole file; the process lives on."""
    path = write_database(tmp_path / "places.mmdb", {"5.83.0.0/16": city("DE", eu=True)})
    whole = path.read_bytes()
    other = write_database(tmp_path / "b.mmdb", {"5.83.0.0/16": city("FR", eu=True)}).read_bytes()
    port = free_port()
    command = ["uvicorn", "--factory", "tests.live.placed:make", "--port", str(port)]
    found: list[str] = []
    with serving(command, tmp_path / "out", {"PLACES": str(path)}, port=port) as site:

        def visit(client: int) -> None:
            for number in range(60):
                answer = site.ask(
                    "/privacy-choices/state", X_Forwarded_For=f"5.83.{client}.{number}"
                )
                found.append(json.loads(answer.body)["regime"] if answer.status == 200 else "-")

        visitors = [threading.Thread(target=visit, args=(client,)) for client in range(3)]
        for visitor in visitors:
            visitor.start()
        while any(visitor.is_alive() for visitor in visitors):
            os.truncate(path, 10)
            path.write_bytes(other)
            path.write_bytes(b"\xff" * 9_000)
            path.unlink()
            path.write_bytes(whole[: len(whole) // 2])
            path.write_bytes(whole)
        for visitor in visitors:
            visitor.join()
        assert site.process.poll() is None
    assert len(found) == 180
    assert set(found) <= {"DE", "FR"}
