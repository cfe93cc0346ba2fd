"""Languages: which one a visitor reads, and that every one of them is whole."""

from __future__ import annotations

from consentgate.asgi.languages import Facts, load_texts
from consentgate.asgi.policy_file import load_catalogue

TEXTS = load_texts()


def test_every_shipped_phrase_of_what_a_service_learns_is_translated() -> None:
    """The catalogue's phrases are those of the texts, so that none stays English elsewhere."""
    facts = Facts(TEXTS["en"])
    marked = {key: f"<{key}>" for key in TEXTS["en"]} | {"learns_account": "<account {name}>"}
    for key, service in load_catalogue().items():
        for phrase in service.get("learns", ()):
            assert facts.say(phrase, marked).startswith("<"), (key, phrase)
    assert facts.say("your Google account, if you are signed in", marked) == "<account Google>"
    assert facts.say("the colour of your shoes", marked) == "the colour of your shoes"
