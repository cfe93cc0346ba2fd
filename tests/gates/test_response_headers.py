"""Headers that contact somebody: what goes, what stays byte for byte, whom caches may hand it to."""

from __future__ import annotations

import pytest

from consentgate.gates.pages.documents import Kind, kind_of
from consentgate.gates.pages.referrer_policy import with_referrer_policy
from tests.asgi import raw
from tests.asgi.raw import (
    JSON_BODY,
    Exchange,
    Script,
    body,
    chosen,
    gated,
    http,
    json_answer,
    page,
    run,
    start,
    websocket,
)
from tests.policies import with_site

ADS = b"https://cdn.ads.example/x"
GROUP = b'{"group":"%s","max_age":60,"endpoints":[{"url":"%s"}]}'
OURS = GROUP % (b"us", b"https://shop.example/r")


def passed(name: bytes, *values: bytes, cookie: str = "") -> list[bytes]:
    gate = gated(json_answer(*((name, value) for value in values)))
    return run(gate, http(cookie=cookie)).all(name)


@pytest.mark.requirement("STO-03", "STO-04")
@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        (b"link", b"<%s>; rel=preload; as=script" % ADS, None),
        (b"Link", b'<//ads.example>; rel="PRECONNECT"', None),
        (b"link", b'<https://ads.example>; as=x; rel="dns-prefetch nofollow"', None),
        (b"link", b"<%s>; rel=preload; rel=next" % ADS, None),
        (b"link", b"<%s>; rel=canonical" % ADS, b"<%s>; rel=canonical" % ADS),
        (
            b"link",
            b'</a,b.css>;rel=preload , <%s>; rel=prefetch;title="a, <b>",  <https://o.example>;rel=next'
            % ADS,
            b"</a,b.css>;rel=preload ,  <https://o.example>;rel=next",
        ),
        (
            b"link",
            b'</a.png>; rel=preload; as=image; imagesrcset="/a 1x, https://ads.example/b 2x"',
            None,
        ),
        (b"refresh", b"0; URL='https://ads.example/'", None),
        (b"refresh", b"5; url=/next", b"5; url=/next"),
        (b"sourcemap", b" https://ads.example/a.map", None),
        (b"x-sourcemap", b"/a.map", b"/a.map"),
        (b"expect-ct", b'max-age=1, report-uri="https://ads.example/"', b"max-age=1"),
        (b"speculation-rules", b'"/r.json", "https://ads.example/r.json"', b'"/r.json"'),
        (b"reporting-endpoints", b'us="/r", ads="https://ads.example/r"', b'us="/r"'),
        (b"reporting-endpoints", b'ads="https://ads.example/r"', None),
        (b"report-to", OURS, OURS),
        (
            b"report-to",
            OURS + b" , " + GROUP % (b"ads", b"https:\\/\\/ads.example\\/r"),
            OURS + b', {"group":"ads","max_age":0,"endpoints":[]}',
        ),
        (b"report-to", b"{not json", None),
        (
            b"content-security-policy-report-only",
            b"img-src *; report-uri /own https://ads.example/r; base-uri *",
            b"img-src *; report-uri /own; base-uri *",
        ),
        (b"accept-ch", b"Sec-CH-UA-Model, Sec-CH-UA, DPR", b"Sec-CH-UA"),
        (b"accept-ch", b"Sec-CH-UA-Model", b""),
        (b"critical-ch", b"Sec-CH-UA-Model", None),
        (
            b"permissions-policy",
            b'ch-ua-model=(self "https://ads.example"), camera=(), ch-dpr=(), ch-ua=*',
            b"camera=(), ch-dpr=(), ch-ua=*",
        ),
    ],
)
def test_what_leads_to_a_denied_host_goes(name: bytes, value: bytes, left: bytes | None) -> None:
    """And nothing else: the members around it stay as they are."""
    assert passed(name, value) == ([] if left is None else [left])


@pytest.mark.requirement("STO-04")
def test_an_error_log_is_revoked_with_its_group() -> None:
    """A browser keeps both for months: they are ended, not only left out."""
    app = json_answer(
        (b"nel", b'{"report_to":"ads","max_age":9}'),
        (b"report-to", GROUP % (b"ads", ADS)),
        (b"content-security-policy", b"img-src *; report-to ads"),
    )
    seen = run(gated(app), http())
    assert seen.one(b"nel") == b'{"max_age":0}'
    assert seen.one(b"content-security-policy") == b"img-src *"


@pytest.mark.requirement("SIG-15", "STO-09")
def test_who_granted_gets_every_byte_and_no_cache_hands_it_on() -> None:
    """Both variants say what they vary by; an answer that is the same for all says nothing."""
    gate = gated(json_answer((b"link", b"<%s>;rel=preload" % ADS), (b"accept-ch", b"DPR")))
    granted = run(gate, http(cookie=chosen(gate, choice="accept")))
    assert granted.one(b"link") == b"<%s>;rel=preload" % ADS
    assert granted.one(b"accept-ch") == b"DPR"
    for seen in (granted, run(gate, http())):
        assert seen.one(b"cache-control") == b"private"
        assert seen.one(b"vary") == b"cookie, sec-gpc, dnt"


@pytest.mark.requirement("CKE-06")
def test_early_hints_and_trailers_carry_nothing_gated() -> None:
    """A hint with nothing left is not sent; trailers lose denied cookies and links."""
    own = b"</a.css>; rel=preload"
    hint = {"type": "http.response.early_hint", "links": [own, b"<%s>; rel=preload" % ADS]}
    lost = {"type": "http.response.early_hint", "links": [b"<%s>; rel=preload" % ADS]}
    push = {"type": "http.response.push", "path": "/collect?a=1", "headers": []}
    trailers = {
        "type": "http.response.trailers",
        "headers": [(b"set-cookie", b"_fbp=1"), (b"link", b"<%s>;rel=preload" % ADS), (b"x", b"1")],
    }
    app = Script(hint, lost, push, start(b"text/plain", trailers=True), body(b"x"), trailers)
    sent = run(gated(app), http()).sent
    assert sent[0]["links"] == [own]
    assert [message["type"] for message in sent[1:]] == [
        "http.response.start",
        "http.response.body",
        "http.response.trailers",
    ]
    assert sent[-1]["headers"] == [(b"x", b"1")]


@pytest.mark.requirement("STO-12")
@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ([], b"strict-origin-when-cross-origin"),
        ([b"no-referrer"], b"no-referrer"),
        ([b"Same-Origin"], b"Same-Origin"),
        ([b"unsafe-url"], b"strict-origin-when-cross-origin"),
        ([b"no-referrer-when-downgrade"], b"strict-origin-when-cross-origin"),
        ([b"origin"], b"strict-origin"),
        ([b"unsafe-url, strict-origin"], b"unsafe-url, strict-origin"),
        ([b"no-referrer, unsafe-url, invented"], b"strict-origin-when-cross-origin"),
    ],
)
def test_a_page_tells_other_sites_its_origin_at_most(said: list[bytes], policy: bytes) -> None:
    """A stricter policy stays, a weaker one is raised; the last one known counts."""
    headers = with_referrer_policy([(b"Referrer-Policy", value) for value in said])
    assert [value for _, value in headers] == [policy]
    assert run(gated(page()), http()).one(b"referrer-policy") == b"strict-origin-when-cross-origin"


HINTS = [(b"sec-ch-ua-model", b'"X"'), (b"DPR", b"2"), (b"sec-ch-ua", b'"Chrome"')]


@pytest.mark.requirement("STO-09")
def test_hints_that_were_asked_for_take_a_grant() -> None:
    """Neither a page nor a socket learns them before; the four that come unasked stay."""
    app = json_answer()
    gate = gated(app)
    for scope in (http(headers=HINTS), websocket(headers=HINTS)):
        run(gate, scope)
        assert [name for name, _ in app.scope["headers"]] == [b"host", b"sec-ch-ua"]
    scope = http(headers=HINTS, cookie=chosen(gate, choice="accept"))
    run(gate, scope)
    assert set(HINTS) < set(app.scope["headers"])


@pytest.mark.requirement("STO-11")
def test_click_ids_stay_outside_where_the_site_asks_for_it() -> None:
    """Query, raw path and Referer; the scope of the server stays, and so does the rest."""
    query = b"a=1&gclid=x&%67clid=y&fbclid=z&utm_source=n&a=2"
    app = json_answer()
    gate = gated(app, with_site(strip_click_ids=True))
    scope = http(query=query, raw_path=b"/?" + query, headers=[(b"referer", b"https://s/?gclid=1")])
    run(gate, scope)
    assert app.scope["query_string"] == b"a=1&utm_source=n&a=2"
    assert app.scope["raw_path"] == b"/?a=1&utm_source=n&a=2"
    assert (b"referer", b"https://s/") in app.scope["headers"]
    assert scope["query_string"] == query
    run(gate, http(query=query, cookie=chosen(gate, choice="accept")))
    assert app.scope["query_string"] == query
    run(gated(app), http(query=query))
    assert app.scope["query_string"] == query


# The second policy, and what cannot be gated in its bytes


def policies(seen: Exchange) -> tuple[list[bytes], list[bytes]]:
    return (
        seen.all(b"content-security-policy"),
        seen.all(b"content-security-policy-report-only"),
    )


@pytest.mark.requirement("STO-05", "TPD-01")
def test_a_second_policy_stands_beside_the_apps_own() -> None:
    """Enforced, reported only, or none; where all is granted, strangers are held or reported."""
    own = b"script-src 'nonce-a'"
    app = page((b"content-security-policy", own))
    enforced, reported = policies(run(gated(app), http()))
    assert (enforced[0], reported) == (own, [])
    assert enforced[1].startswith(b"default-src 'self'")
    assert enforced[1].endswith(b"; report-uri /privacy-choices/reports")
    enforced, reported = policies(run(gated(app, with_site(csp="report-only")), http()))
    assert (enforced, len(reported)) == ([own], 1)
    assert policies(run(gated(app, with_site(csp="off")), http())) == ([own], [])
    gate = gated(app)
    enforced, reported = policies(run(gate, http(cookie=chosen(gate, choice="accept"))))
    assert (enforced[0], b"*.ads.example:*" in enforced[1], reported) == (own, True, [])
    gate = gated(app, with_site(unknown_hosts="report"))
    enforced, reported = policies(run(gate, http(cookie=chosen(gate, choice="accept"))))
    assert enforced == [own]
    assert b"*.ads.example:*" in reported[0]


@pytest.mark.requirement("STO-14", "STO-15")
@pytest.mark.parametrize("mode", ["enforce", "report-only", "off"])
@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ([(b"content-type", b"text/html"), (b"content-encoding", b"gzip")], b"\x1f\x8b"),
        ([(b"content-type", b"text/html; charset=utf-16")], b"<"),
        ([(b"content-type", b"text/html; charset=x-mine")], b"<"),
        ([(b"content-type", b"text/html")], "<p>".encode("utf-16")),
        ([(b"content-type", b"text/html"), (b"content-length", b"8")], "<p>".encode("utf-16")),
        ([(b"content-type", b"application/xhtml+xml")], b"<html/>"),
        ([], b"<script src=//ads.example>"),
    ],
    ids=["gzip", "utf-16", "unknown", "byte order mark", "and length", "xhtml", "untyped"],
)
def test_html_that_cannot_be_read_passes_under_the_policy(
    mode: str, headers: list[tuple[bytes, bytes]], data: bytes
) -> None:
    """Whatever the site chose for other pages; byte for byte, and counted."""
    app = Script({"type": "http.response.start", "status": 200, "headers": headers}, body(data))
    gate = gated(app, with_site(csp=mode))
    seen = run(gate, http(headers=[(b"accept", b"text/html")]))
    assert seen.body == data
    assert any(value.startswith(b"default-src 'self'") for value in policies(seen)[0])
    assert (
        gate.assembly.faults.counts["page_unreadable"]
        + gate.assembly.faults.counts["page_compressed"]
        == 1
    )


def test_pages_are_asked_for_uncompressed_once_one_came_compressed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says once how to mend it; images and scripts are asked for as before."""
    wants = [(b"accept-encoding", b"gzip"), (b"accept", b"text/html")]
    app = Script(start(b"text/html", (b"content-encoding", b"gzip")), body(b"x"))
    gate = gated(app)
    for _ in range(2):
        run(gate, http(headers=wants))
    assert caplog.text.count("GZipMiddleware") == 1
    assert not any(name == b"accept-encoding" for name, _ in app.scope["headers"])
    run(gate, http(headers=[wants[0], (b"accept", b"image/*")]))
    assert wants[0] in app.scope["headers"]


@pytest.mark.requirement("STO-16")
def test_what_is_no_page_is_neither_read_nor_held() -> None:
    """Ten megabytes pass as the same objects; an attachment of HTML, too."""
    piece = b"x" * 1_000_000
    for kind in (b"application/zip", b"text/html"):
        app = Script(
            start(kind, (b"content-disposition", b"attachment")),
            *(body(piece, more_body=True) for _ in range(10)),
            body(),
        )
        sent = run(gated(app), http()).sent
        assert all(one is other for one, other in zip(sent, app.messages, strict=True))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Kind.PAGE), (404, Kind.PAGE), (206, Kind.UNREADABLE), (304, Kind.OTHER)],
)
def test_a_status_tells_pages_from_parts(status: int, kind: Kind) -> None:
    """A part of a document is no document, and no body is none."""
    assert kind_of(status, [(b"content-type", b"text/html")]) is kind


def test_where_nothing_is_denied_the_app_cannot_tell_that_a_gate_is_there() -> None:
    """Every header a gate owns, conditions and hints: the same scope in, the same objects out."""
    headers = [
        (b"link", b"<%s>;rel=preload" % ADS),
        (b"etag", b'"1"'),
        (b"accept-ch", b"DPR"),
        (b"refresh", b"1; url=https://ads.example/"),
        (b"report-to", b"{broken"),
        (b"set-cookie", b"session=1"),
    ]
    app = Script(start(b"text/plain", *headers), body(JSON_BODY))
    from dataclasses import replace

    from tests.policies import SHOP

    free = replace(SHOP, purposes=SHOP.purposes[:1], services=SHOP.services[:1])
    free = replace(free, site=with_site(strip_click_ids=True, unknown_hosts="report").site)
    sent = [*HINTS, (b"if-none-match", b'"1"'), (b"accept", b"text/html")]
    scope = http(headers=sent, query=b"gclid=1", cookie="session=1")
    before = list(scope["headers"])
    seen = run(gated(app, free), scope)
    assert app.scope is scope
    assert scope["headers"] == before
    assert all(one is other for one, other in zip(seen.sent, app.messages, strict=True))


@pytest.mark.requirement("STO-14")
@pytest.mark.parametrize(
    ("types", "kind"),
    [
        ([b"text/html", b"text/html"], Kind.PAGE),
        ([b"text/html, text/html;charset=utf-8"], Kind.PAGE),
        ([b"text/plain", b"text/html"], Kind.PAGE),
        ([b"text/plain, text/html"], Kind.PAGE),
        ([b"text/html", b"*/*"], Kind.PAGE),
        ([b"text/html, text/plain"], Kind.OTHER),
        # nothing is said: browsers look at the bytes
        ([b"*/*"], Kind.UNTYPED),
        ([b"unknown/unknown"], Kind.UNTYPED),
        ([b"html"], Kind.UNTYPED),
        ([b""], Kind.UNTYPED),
    ],
)
def test_of_several_types_the_last_counts(types: list[bytes], kind: Kind) -> None:
    """As browsers read them (Fetch, "extract a MIME type")."""
    assert kind_of(200, [(b"content-type", value) for value in types]) is kind


@pytest.mark.requirement("STO-08")
def test_a_dictionary_is_no_identifier() -> None:
    """What a browser would keep, and name to the site again, takes a grant as validators do."""
    planted = (b"use-as-dictionary", b'match="/*", id="visitor-1"')
    asked = [
        (b"available-dictionary", b":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:"),
        (b"dictionary-id", b'"visitor-1"'),
    ]
    app = raw.json_answer(planted)
    gate = raw.gated(app)
    refused = run(gate, http(headers=asked))
    assert refused.one(b"use-as-dictionary") is None
    assert not {name for name, _ in app.scope["headers"]} & {name for name, _ in asked}
    granted = run(gate, http(headers=asked, cookie=raw.chosen(gate, choice="accept")))
    assert granted.one(b"use-as-dictionary") == planted[1]
    assert [pair for pair in app.scope["headers"] if pair in asked] == asked
