"""Blocks of combined lines, minimised with pyarrow: the same bytes as line by line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate.gates.foreign_lines import Minimiser
from consentgate.log import arrow_lines
from consentgate.log.arrow_lines import ArrowMinimiser
from tests.formats.test_foreign_lines import PLAIN
from tests.gates.test_foreign_lines import AGENTS, BAD, GOOGLEBOT, ODD, SITE

PLAIN_LINES = [
    PLAIN,
    PLAIN.replace("Mozilla/5.0", GOOGLEBOT),
    PLAIN.replace("/a?b=1", "/user/jane%40x/\xff?q"),
    PLAIN.replace(" 2326 ", " - ").replace(" 200 ", " 404 "),
    PLAIN.replace(" 2326 ", " 7 ").replace("13:03", "14:04"),
    PLAIN.replace("https://news.example/a?b", "-"),
    PLAIN.replace("https://news.example/a?b", "https://shop.example/"),
    PLAIN.replace("GET /a?b=1 HTTP/1.1", ""),
    PLAIN.replace("GET /a?b=1", "BREW /a,b c"),
]
NEARLY = [
    PLAIN.replace(" 2326 ", " 0023 "),
    PLAIN.replace("- -", "- jane doe"),
    PLAIN.replace("+0000", "+0200"),
    PLAIN.replace('" "', '"x "'),
    PLAIN.replace("GET", '"GET'),
    PLAIN.replace("02/Oct", "99/Oct"),
    PLAIN.replace(" 200 ", " 2x0 "),
    PLAIN.replace(f'" {200}', f'""x" {200}'),
    f"{PLAIN} 0.005",
    f'{PLAIN} "203.0.113.77, 70.41.3.18"',
    "",
    " ",
]


def by_both(lines: list[str]) -> tuple[bytes, bytes, list[int], list[int]]:
    block = "".join(f"{line}\n" for line in lines).encode("latin-1")
    arrow = ArrowMinimiser(Minimiser(SITE, AGENTS, json.loads))
    alone = Minimiser(SITE, AGENTS, json.loads)
    dropped = [number for number, _ in arrow.add(block)]
    refused = [number for number, _ in alone.add_all(block)]
    text = "".join(f"{line}\n" for line in alone.lines())
    return arrow.text(), text.encode(), dropped, refused


@settings(deadline=None)
@given(st.lists(st.sampled_from(PLAIN_LINES), min_size=1, max_size=12))
def test_plain_blocks_need_no_other_way(lines: list[str]) -> None:
    """Every line of the usual form is read by the quick way, to the same bytes."""
    arrow = ArrowMinimiser(Minimiser(SITE, AGENTS, json.loads))
    arrow._minimiser.add_all = pytest.fail  # type: ignore[method-assign,assignment]
    assert arrow.add("".join(f"{line}\n" for line in lines).encode("latin-1")) == []
    quick, slow, _, _ = by_both(lines)
    assert quick == slow


@settings(deadline=None)
@given(st.lists(st.sampled_from(PLAIN_LINES + NEARLY + ODD + BAD), max_size=12))
def test_mixed_blocks_give_the_same_bytes(lines: list[str]) -> None:
    """Odd and bad lines among them: the same records, the same lines dropped."""
    quick, slow, dropped, refused = by_both(lines)
    assert (quick, dropped) == (slow, refused)


@settings(deadline=None)
@given(
    st.integers(0, len(PLAIN)),
    st.text(st.characters(max_codepoint=255), max_size=20),
    st.booleans(),
)
def test_a_damaged_line_gives_the_same_bytes(start: int, text: str, is_cut: bool) -> None:
    """Any bytes in the middle of a good line, between two good ones."""
    line = PLAIN[:start] + text + ("" if is_cut else PLAIN[start:])
    quick, slow, dropped, refused = by_both([PLAIN, line.replace("\n", " "), PLAIN])
    assert (quick, dropped) == (slow, refused)


def test_one_odd_line_slows_its_own_piece_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of many pieces is read quickly but for the piece with the odd line."""
    monkeypatch.setattr(arrow_lines, "PIECE_BYTES", 1_000)
    arrow = ArrowMinimiser(Minimiser(SITE, AGENTS, json.loads))
    seen: list[bytes] = []
    add_all = arrow._minimiser.add_all
    arrow._minimiser.add_all = lambda block: seen.append(block) or add_all(block)  # type: ignore[method-assign,func-returns-value]
    lines = [PLAIN] * 100
    lines[50] = ODD[1]
    assert arrow.add("".join(f"{line}\n" for line in lines).encode()) == []
    assert sum(block.count(b"\n") for block in seen) < 10
    assert arrow.text().count(b"\n") == 100
