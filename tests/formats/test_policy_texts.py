"""A policy's own words: purposes that say why, known keys, and the same facts as the shipped texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.asgi.startup.texts import load_texts
from consentgate.domain.policy.policy import Policy
from consentgate.errors import PolicyError
from consentgate.formats.policy.reader import parse_policy
from consentgate.formats.policy.wording import vague

TEXTS = load_texts()
HEAD = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
PURPOSES = [
    key for key in TEXTS["en"] if key.startswith("purpose_") and f"{key}_text" in TEXTS["en"]
]

VAGUE = [
    # what the regulators' guides quote
    "To improve your experience",
    "For marketing purposes",
    "We use data to enhance your browsing experience and for analytics purposes.",
    "To improve our services and offers and more",
    "To give you the best possible experience",
    "For research purposes, as needed",
    # too short
    "marketing",
    "Ads and the like",
    "広告",
    # other languages
    "Um Ihr Erlebnis zu verbessern",
    "Zu Marketingzwecken und zur Verbesserung",
    "Pour améliorer votre expérience",
    "Para mejorar su experiencia",
    "Per migliorare la tua esperienza",
    "Om uw ervaring te verbeteren",
]
CLEAR = [
    "To improve our website by counting which pages are read and which are left at once",
    "To study anonymous traffic patterns.",
    "To show the map on our contact page, with your position if you allow it",
    "Um zu zählen, welche Seiten gelesen werden, damit wir unser Angebot verbessern",
    "どのページが読まれたかを数えるため",
]


@pytest.mark.parametrize("description", VAGUE)
@pytest.mark.requirement("COL-09")
def test_words_that_could_mean_anything_are_seen(description: str) -> None:
    """A stock phrase with nothing beside it, or hardly a word."""
    assert vague("", description)


@pytest.mark.parametrize("description", CLEAR)
@pytest.mark.requirement("COL-09")
def test_words_that_say_what_is_done_pass(description: str) -> None:
    """A stock phrase may stand in a sentence that says something."""
    assert vague("", description) == ""


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.requirement("COL-09")
def test_shipped_purposes_say_what_is_done(language: str) -> None:
    """In every language."""
    texts = TEXTS[language]
    assert len(PURPOSES) >= 4
    assert [key for key in PURPOSES if vague(texts[key], texts[f"{key}_text"])] == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_words_raise(title: str, description: str) -> None:
    """Whatever they are, the answer is a sentence or nothing."""
    assert isinstance(vague(title, description), str)


FAULTS = [
    (
        "CG140",
        "[purpose.statistics]\ndescription = 'To improve your experience'\n",
        ':6: [purpose.statistics] description: "improve your experience" is what every site says',
    ),
    (
        "CG140",
        "[purpose.other]\ntitle = 'Other'\ndescription = 'To keep track of which teapots you like'\n",
        'title "Other" could mean anything',
    ),
    (
        "CG140",
        "[purpose.statistics.texts.fr]\ntitle = 'Statistiques'\ndescription = 'Pour vous'\n",
        'description "Pour vous" is too short',
    ),
    ("CG141", "[texts.DE]\nreject = 'Nein'\n", 'did you mean "de"?'),
    ("CG141", "[texts.deutsch]\nreject = 'Nein'\n", "expected a language tag"),
    (
        "CG141",
        "[service.x]\npurposes = ['statistics']\n[service.x.texts.zh_hant]\ntitle = 'x'\ndescription = 'y'\n",
        'did you mean "zh-Hant"?',
    ),
    ("CG142", "[texts.de]\nrejct = 'Nein'\n", ':6: [texts.de] rejct: no text of that key; did you mean "reject"?'),
    ("CG142", "[texts.de]\nzzz = 'Nein'\n", "no text of that key; docs/banner.md tells"),
    ("CG143", "[texts.de]\nintro = 'Wir wollen Daten.'\n", "other blanks than the shipped text; expected: {controller}"),
    ("CG143", "[texts.de]\nreject = 'Nein {name}'\n", "expected: none"),
    ("CG143", "[texts.de]\nintro = '{controller.__class__}'\n", "its braces do not pair"),
    ("CG143", "[texts.de]\nintro = '{controller!r:>99}'\n", "its braces do not pair"),
    ("CG143", "[texts.de]\nintro = '{controller'\n", "its braces do not pair"),
]  # fmt: skip


@pytest.mark.parametrize(("fault_id", "text", "words"), FAULTS)
@pytest.mark.requirement("COL-09")
def test_each_fault_names_its_line_and_remedy(fault_id: str, text: str, words: str) -> None:
    """One fault, with its id, where it is, and how to mend it."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + text, texts=TEXTS)
    (fault,) = caught.value.faults
    assert fault.id == fault_id
    assert words in str(fault)


def parsed(text: str) -> Policy:
    return parse_policy(HEAD + text, texts=TEXTS)


def test_own_words_pass() -> None:
    """Overrides, braces of one's own and a language of one's own."""
    policy = parsed(
        "[texts.de]\nreject = 'Nein {{danke}}'\nintro = '{controller} fragt.'\n[texts.cy]\nreject = 'Na'\n"
    )
    assert policy.texts["cy"]["reject"] == "Na"


def test_a_description_alone_changes_the_description_alone() -> None:
    """The shipped title stays, and the other way round."""
    policy = parsed(
        "[purpose.statistics]\ndescription = 'To count which teapots are looked at'\n"
        "[purpose.marketing]\ntitle = 'Adverts'\n"
    )
    words = {purpose.key: purpose.wording for purpose in policy.purposes}
    assert (words["statistics"].title, words["marketing"].description) == ("", "")  # type: ignore[union-attr]
