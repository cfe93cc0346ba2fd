"""What a visit is of, which route led to it, and what old rows become."""

from __future__ import annotations

from typing import Any

import pytest

from consentgate.domain.kinds import unanswered
from consentgate.gates.records.known_pages import KnownPages
from consentgate.gates.request import read_request
from consentgate.log.keeping.segment_lines import is_record, upgraded
from tests.asgi import raw
from tests.asgi.raw import run
from tests.log.test_tiers import GRANTED, record_of, visit_of


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"dest": "document"}, "page"),
        ({"dest": "image"}, "asset"),
        ({"dest": "empty"}, "api"),
        ({"dest": "", "accept": "text/html,*/*"}, "page"),
        ({"dest": "", "accept": "application/json"}, "api"),
        ({"dest": "", "accept": "*/*", "route": "/static/{path}"}, "asset"),
        ({"dest": "document", "method": "POST"}, "form"),
        ({"dest": "empty", "method": "PUT"}, "api"),
        ({"dest": "document", "route": "(privacy choices)"}, "own"),
    ],
)
def test_a_record_says_what_it_is_of(changes: dict[str, Any], kind: str) -> None:
    """Only pages are page views; the browser says what it wants, the method and the route help."""
    headers = [(b"sec-fetch-dest", changes["dest"].encode())] if changes["dest"] else []
    headers += [(b"accept", changes["accept"].encode())] if "accept" in changes else []
    visit = visit_of(choice=None)
    scope = {
        "type": "http",
        "method": changes.get("method", "GET"),
        "path": "/",
        "headers": [(b"host", b"shop.example"), *headers],
    }
    request = read_request(scope, is_logged=True)
    record = record_of(visit._replace(request=request, route=changes.get("route", "/a")))
    assert record["kind"] == kind


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/static/jane.css", "(missing asset)"),
        ("/favicon.ico", "(missing asset)"),
        ("/wp-login.php", "(probe)"),
        ("/.env", "(probe)"),
        ("/backup.sql", "(probe)"),
        ("/jane-doe/cv", "(not found)"),
        ("/", "(not found)"),
    ],
)
def test_an_address_that_nothing_answers_has_a_class(path: str, name: str) -> None:
    """The class is one of three, so nothing that a stranger wrote is kept."""
    assert unanswered(path) == name


def test_the_page_before_has_a_route() -> None:
    """Found among the routes that answered by now; plain ones before those with fields."""
    pages = KnownPages(["/declared/{id}"])
    for route in ("/products/{id}", "/products/new", "(unmatched)"):
        pages.add(route)
    found = {
        path: pages.before(f"https://shop.example{path}?jane".encode())
        for path in ("/products/7", "/products/new", "/declared/7", "/elsewhere/7", "")
    }
    assert found == {
        "/products/7": "/products/{id}",
        "/products/new": "/products/new",
        "/declared/7": "/declared/{id}",
        "/elsewhere/7": "",
        "": "",
    }
    assert pages.before(None) == pages.before(b"https://shop.example/" + b"x" * 600) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"ts": "2026-10-01T14Z", "tier": "T0", "ref": "search"},
            {"ts": "2026-10-01T14:00:00Z", "tier": "T0", "grain": "hour", "ref_class": "search"},
        ),
        (
            {"ts": "2026-10-01T14:13Z", "tier": "T1", "ref": "www.google.com"},
            {
                "ts": "2026-10-01T14:13:00Z",
                "tier": "T1",
                "grain": "minute",
                "ref_class": "search",
                "ref_host": "www.google.com",
            },
        ),
    ],
    ids=["T0", "T1"],
)
def test_an_old_row_is_read_as_one_of_today(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What cg1 said is said in today's fields; today's rows stay as they are."""
    assert upgraded(old) == new
    assert upgraded(new) == new
    assert is_record(upgraded(old))


def test_no_consent_no_page_before() -> None:
    """The route of the page before is in T1 alone."""
    assert "prev" not in record_of(visit_of(choice=None))
    assert "prev" not in record_of(visit_of(choice=GRANTED))  # it came from another site


def test_a_mounted_app_has_a_route() -> None:
    """Static files are noted under their mount; a mount with fields claims nothing."""
    from consentgate.asgi.assembly import route_in

    assert route_in({"root_path": "/app/static"}, "/app") == "/static/{path}"
    assert route_in({"root_path": "/jane", "path_params": {"user": "jane"}}) is None
    assert route_in({"root_path": "/app"}, "/app") is None


def test_the_gate_still_serves_a_mounted_app() -> None:
    """Nothing of the mount changes what is answered."""
    assert run(raw.gated(raw.page()), raw.http("/")).status == 200
