"""Click to load: what stands in for a held frame, and what "once" and "always" grant."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.events import State
from consentgate.formats.html.element import Held
from consentgate.gates.visitors.tokens import ONCE_SECONDS
from tests.asgi import raw
from tests.asgi.raw import NOW, Exchange, http, regime_of, run
from tests.asgi.test_choosing import by_form, by_json, events, state_of
from tests.policies import SHOP

pytestmark = pytest.mark.requirement("COL-24")

MAP = '<iframe src="https://maps.example/embed" width="560" height="315" title="How to find us"></iframe>'
GPC = (b"sec-gpc", b"1")
POLICY = replace(
    SHOP,
    services=tuple(
        replace(service, learns=("your IP address", "the part of the map you look at"))
        if service.key == "maps"
        else service
        for service in SHOP.services
    ),
)


def page(body: str, attributes: str = ' lang="en"') -> bytes:
    return f"<!doctype html><html{attributes}><head><title>x</title></head><body>{body}".encode()


def gate_before(body: str, attributes: str = ' lang="en"', **options: Any) -> ConsentGate:
    return raw.gated(
        raw.page(data=page(body, attributes)), options.pop("policy", POLICY), **options
    )


def shown(gate: ConsentGate, *headers: tuple[bytes, bytes], cookie: str = "") -> str:
    """The page as a visitor gets it."""
    return run(gate, http("/shop", headers=headers, cookie=cookie)).body.decode()


def placeholder(text: str) -> str:
    found = re.search(r"<object class=\"pc-hold\".*?</object>", text, re.S)
    return found[0] if found else ""


def jar(*seen: Exchange) -> str:
    """The cookies a browser holds after these answers."""
    cookies: dict[str, str] = {}
    for one in seen:
        cookies.update(one.cookies)
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value)


def test_it_says_who_what_for_and_what_they_learn() -> None:
    """Before the frame, in its size: service, purposes, what it learns, two ways to load it."""
    text = shown(gate_before(MAP))
    box = placeholder(text)
    assert box
    assert 'width="560" height="315"' in box
    assert 'aria-label="maps is not loaded: How to find us"' in box
    assert "Purpose: Functional, Advertising." in box
    assert "your IP address; the part of the map you look at." in box
    assert re.findall(r'name="span" value="(\w+)"', box) == ["once", "always"]
    assert 'name="next" value="/shop"' in box
    assert text.index(box) + len(box) == text.index('<iframe data-privacy-service="maps"')


@pytest.mark.parametrize("span", ["once", "always"])
def test_the_form_leads_back_and_the_frame_is_live(span: str) -> None:
    """Without JavaScript: 303 to the page, where nothing else was granted."""
    gate = gate_before(MAP + '<img src="https://ads.example/x">')
    seen = by_form(
        gate, choice="service", service="maps", span=span, source="placeholder", next="/shop?x=1"
    )
    assert (seen.status, seen.one(b"location")) == (303, b"/shop?x=1")
    text = shown(gate, cookie=jar(seen))
    assert MAP in text
    assert "data-privacy-src" in text  # the advertisement stays inert
    (event,) = events(gate)
    assert (dict(event.services), event.state, event.source) == (
        {"maps": True},
        State.GIVEN,
        "placeholder",
    )
    assert event.method == ("once" if span == "once" else "service")


def test_once_is_for_the_session_and_a_refusal_outlives_it() -> None:
    """The cookie for the session is another one: when it goes, the visitor has still refused."""
    gate = gate_before(MAP)
    refused = by_form(gate, choice="reject")
    once = by_form(gate, choice="service", service="maps", span="once", cookie=jar(refused))
    (line,) = once.set_cookies
    assert line.startswith(b"choices_once=")
    assert b"Max-Age" not in line
    assert MAP in shown(gate, cookie=jar(refused, once))
    assert MAP not in shown(gate, cookie=jar(refused))
    assert state_of(gate, refused)["asks"] == []


def test_once_ends_after_a_day() -> None:
    """Browsers bring sessions back; a day after it counts for nothing."""
    now = [float(NOW)]
    gate = gate_before(MAP, clock=lambda: now[0])
    once = by_form(gate, choice="service", service="maps", span="once")
    now[0] += ONCE_SECONDS - 1
    assert MAP in shown(gate, cookie=jar(once))
    now[0] += 1
    assert MAP not in shown(gate, cookie=jar(once))


def test_once_adds_up_and_does_not_last() -> None:
    """Two services in one session; allowing one of them always keeps that one alone."""
    gate = gate_before(MAP)
    first = by_form(gate, choice="service", service="maps", span="once")
    second = by_form(gate, choice="service", service="analytics", span="once", cookie=jar(first))
    both = state_of(gate, second)["services"]
    assert both["maps"]
    assert both["analytics"]
    always = by_form(gate, choice="service", service="maps", cookie=jar(second))
    assert state_of(gate, always)["services"] == {**both, "analytics": False}


@pytest.mark.parametrize("choice", ["reject", "withdraw", "accept", "save"])
def test_another_choice_ends_once(choice: str) -> None:
    """Who says something of everything has said it of this, too."""
    gate = gate_before(MAP)
    once = by_form(gate, choice="service", service="maps", span="once")
    after = by_form(gate, choice=choice, cookie=jar(once))
    assert any(line.startswith(b"choices_once=;") for line in after.set_cookies)
    assert state_of(gate, after)["services"]["maps"] is (choice == "accept")


def test_json_can_say_once_too() -> None:
    """What banner.js is answered holds for this session; a refusal is never for once."""
    gate = gate_before(MAP)
    said = by_json(gate, choice="service", services={"maps": True}, span="once")
    assert list(said.cookies) == ["choices_once"]
    no = by_json(gate, choice="service", services={"maps": False}, span="once")
    assert list(no.cookies) == ["choices"]


def test_a_token_for_once_is_forged_in_vain() -> None:
    """What does not verify grants nothing."""
    gate = gate_before(MAP)
    once = by_form(gate, choice="service", service="maps", span="once").cookies["choices_once"]
    # not the last character: two of its bits say nothing
    changed = once[:-5] + ("A" if once[-5] != "A" else "B") + once[-4:]
    for value in (changed, "x", once[:40]):
        assert MAP not in shown(gate, cookie=f"choices_once={value}")


@pytest.mark.requirement("SIG-06")
@pytest.mark.parametrize("span", ["once", "always"])
def test_a_signal_is_told_beside_the_button_and_only_there(span: str) -> None:
    """Told, the visitor may load this one; what a signal overrules elsewhere stays denied."""
    gate = gate_before(MAP + '<img src="//ads.example/">')
    accepted = by_form(gate, choice="accept")
    box = placeholder(shown(gate, GPC, cookie=jar(accepted)))
    assert 'name="told" value="gpc"' in box
    assert gate.assembly.pages.texts["en"]["conflict"] in box
    fields = {"choice": "service", "service": "maps", "span": span, "told": "gpc"}
    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    scope, sent = raw.form(
        "/privacy-choices", {**fields, "notice": notice}, headers=[GPC], cookie=jar(accepted)
    )
    held = jar(accepted, run(gate, scope, sent))
    text = shown(gate, GPC, cookie=held)
    assert MAP in text
    assert '<img data-privacy-service="ads"' in text


LINKED = {
    "in a form": f"<form action=/x>{MAP}</form>",
    "of a purpose": '<iframe data-purpose="marketing" src="/film"></iframe>',
    "of nobody": '<iframe data-service="nobody" src="/film"></iframe>',
}


@pytest.mark.parametrize("name", LINKED)
def test_where_no_button_can_help_a_link_does(name: str) -> None:
    """A form in a form would break the page's; a purpose is granted on the choices page."""
    box = placeholder(shown(gate_before(LINKED[name])))
    assert box
    assert "<form" not in box
    assert '<a class="pc-b" href="/privacy-choices?lang=en"' in box


def test_a_minor_is_offered_no_button() -> None:
    """What is barred for minors cannot be granted."""
    box = placeholder(shown(gate_before(MAP, age_of=lambda scope: 9)))
    assert box
    assert "<button" not in box


HOSTILE = {
    "title": ("title='</object><script>alert(1)</script>'", "<script>alert"),
    "width": ("width='5\" onload=alert(1) x=\"'", "onload"),
    "style": ("style='width:1px;background:url(//ads.example/x);height:9em}'", "background"),
    "style value": ("style='height:\"><script>'", "><script>"),
    "blank": ("title='\ue000next\ue000'", "/shop&#57344"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pages_words_stay_words(name: str) -> None:
    """Titles are escaped, sizes only numbers; nothing of a page becomes markup."""
    attributes, never = HOSTILE[name]
    box = placeholder(shown(gate_before(f"<iframe src=//maps.example/ {attributes}></iframe>")))
    assert box
    assert never not in box


SIZES = [
    ('width="560" height="315"', 'width="560" height="315"'),
    ('width="100%" height=" 0315.5px"', 'width="100%" height="315"'),
    ("", 'width="300" height="150"'),
    (
        "style='width:100%; aspect-ratio: 16 / 9; border:0'",
        'style="width:100%;aspect-ratio:16 / 9"',
    ),
    (
        "style='position:absolute;top:0;left:0;WIDTH:calc(100% - 2px)!important'",
        'style="position:absolute;top:0;left:0;width:calc(100% - 2px)"',
    ),
]


@pytest.mark.parametrize(("attributes", "expected"), SIZES)
def test_it_takes_the_frames_size(attributes: str, expected: str) -> None:
    """From the attributes, which need no style, and from the frame's own style."""
    box = placeholder(shown(gate_before(f"<iframe src=//maps.example/ {attributes}></iframe>")))
    assert expected in box


@pytest.mark.parametrize("language", ["de", "ar", "ja", "pt", "zh-Hant"])
def test_it_speaks_the_pages_language(language: str) -> None:
    """Also where the frame comes in the same piece as ``<html lang>``."""
    gate = gate_before(MAP, f' lang="{language}"')
    box = placeholder(shown(gate, (b"accept-language", b"fr")))
    texts = gate.assembly.pages.texts[language]
    said = texts["placeholder_once"].encode("ascii", "xmlcharrefreplace").decode()
    assert said in box
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in box


def test_each_is_drawn_once() -> None:
    """A thousand titles of one service and size are one fragment; what is remembered is bounded."""
    gate = gate_before(MAP)
    view = gate.assembly.views.view(_visit(gate))
    placeholders = gate.assembly.views._placeholders
    fragments = gate.assembly.pages._fragments
    held = Held(("maps",), (), "560", "315", "", "", False, False)
    first = placeholders.draw(view, replace(held, title="1"))
    before = fragments.size
    for number in range(1_000):
        drawn = placeholders.draw(view, replace(held, title=f"t{number}"))
        assert drawn == first.replace(b">1<", b">t%d<" % number).replace(
            b': 1"', b': t%d"' % number
        )
    assert fragments.size == before
    for number in range(3_000):
        placeholders.draw(view, replace(held, width=str(number + 1)))
    assert fragments.size <= 1_024


def _visit(gate: ConsentGate) -> Any:
    return gate._open(http("/"))


def test_a_site_may_draw_its_own(tmp_path: Path) -> None:
    """A template of the same name takes the shipped one's place."""
    (tmp_path / "placeholder.html").write_text("<p>{{ why }}</p>", encoding="utf-8")
    text = shown(gate_before(MAP, templates=tmp_path))
    assert "<p>To show this, your browser has to contact maps." in text


def test_a_template_that_fails_leaves_the_page(tmp_path: Path) -> None:
    """The frame stays held, the page is served, the fault is counted."""
    (tmp_path / "placeholder.html").write_text("{{ 1 / 0 }}", encoding="utf-8")
    gate = gate_before(MAP, templates=tmp_path)
    text = shown(gate)
    assert "data-privacy-src" in text
    assert "pc-hold" not in text
    assert gate.assembly.faults.counts["placeholder_failed"] == 1


@pytest.mark.requirement("VER-04")
def test_always_after_a_lapsed_grant_brings_nothing_else_back() -> None:
    """The new grant is for one service, made today; what had lapsed stays lapsed."""
    now = [float(NOW)]
    gate = gate_before(MAP, clock=lambda: now[0])
    accepted = by_form(gate, choice="accept")
    now[0] += 400 * 86_400
    always = by_form(gate, choice="service", service="maps", cookie=jar(accepted))
    state = state_of(gate, always)
    assert state["services"]["maps"] is True
    assert state["services"]["ads"] is False


def test_a_frame_inside_a_drawing_gets_none() -> None:
    """In SVG it is no frame, and a placeholder there would end the drawing."""
    assert not placeholder(shown(gate_before(f"<svg>{MAP}</svg>")))
