"""Owns what stands in for a frame that is held back: who it is, what for, and a way to load it.

A page's own words reach the markup escaped, its sizes only in a form that cannot say anything else.
"""

from __future__ import annotations

import html
import re
from typing import Final

from consentgate.asgi.pages.languages import direction
from consentgate.asgi.pages.state import signal_names
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.view import View
from consentgate.domain.decision import Reason
from consentgate.domain.policy.policy import Policy, Service
from consentgate.formats.html.element import Held

_MOST_TITLE = 120
_TITLE = "\ue000title\ue000"
"""Stands for the frame's title in a remembered placeholder."""
_TITLE_BYTES: Final = _TITLE.encode("ascii", "xmlcharrefreplace")
_DIMENSION = re.compile(r"\+?0*([1-9][0-9]{0,4})(?:\.[0-9]*)?(%?)")
_SIZING = re.compile(
    r"(?:(?:min-|max-)?(?:width|height|inline-size|block-size))|aspect-ratio|display|float|"
    r"position|inset|top|right|bottom|left|margin(?:-(?:top|right|bottom|left|inline|block))?"
)
"""Declarations of a frame's own style that say how large it is and where."""
_SIZE = re.compile(r"[\w.%+*/ ()-]{1,60}")
_ELLIPSIS = "\u2026"


class Placeholders:
    """Draws placeholders, each distinct one once."""

    def __init__(self, pages: Pages, policy: Policy) -> None:
        self._pages = pages
        self._policy = policy

    def draw(self, view: View, held: Held) -> bytes:
        """The markup right before a held frame (COL-24).

        Args:
            view: the visit; its language is the page's.
            held: the frame.
        """
        size = _size_of(held)
        key = (
            "placeholder",
            view.language,
            view.root,
            view.regime.model,
            view.decision.signals,
            held.services,
            held.purposes,
            held.hosts,
            size,
            held.is_in_form or not self._can_grant(view, held),
            bool(held.title),
        )
        parts = self._pages.fragment(key, lambda next_: self._render(view, held, size, next_))
        drawn = html.escape(view.next).encode("ascii", "xmlcharrefreplace").join(parts)
        title = html.escape(held.title[:_MOST_TITLE]).encode("ascii", "xmlcharrefreplace")
        return drawn.replace(_TITLE_BYTES, title)

    def _services(self, held: Held) -> list[Service]:
        known = self._policy.service_by_key
        return [known[key] for key in held.services if key in known]

    def _can_grant(self, view: View, held: Held) -> bool:
        """Whether granting these services, and nothing else, would load the frame."""
        services = self._services(held)
        verdicts = view.decision.purposes
        purposes = [key for service in services for key in service.purposes]
        return (
            bool(services)
            and len(services) == len(held.services)
            and not held.purposes
            and all(verdicts[key].reason is not Reason.MINOR for key in purposes)
        )

    def _render(self, view: View, held: Held, size: str, next_: str) -> str:
        pages, language = self._pages, view.language
        texts, details = pages.texts[language], pages.details
        comma = texts["comma"]
        services = [details.service(view, service) for service in self._services(held)]
        purposes = dict.fromkeys(
            key for service in self._services(held) for key in service.purposes
        )
        purposes |= dict.fromkeys(held.purposes)
        titles = details.asked(language, tuple(purposes))
        names = (*(service.title for service in services), *held.hosts)
        name = comma.join(names) or comma.join(titles) or _ELLIPSIS
        why = details.say(language, "placeholder_why", name=name, purposes=comma.join(titles))
        learns = list(dict.fromkeys(phrase for service in services for phrase in service.learns))
        context = {
            "language": language,
            "direction": direction(language),
            "t": texts,
            "root": view.root,
            "next": next_,
            "notice": pages.notice(language, view.regime)[0],
            "source": "placeholder",
            "told": " ".join(signal_names(view.decision)),
            "keys": held.services,
            "size": size,
            "frame": _TITLE if held.title else "",
            "title": details.say(language, "placeholder_title", name=name),
            "why": why if titles else "",
            "is_asked": not held.hosts,
            "learns": learns,
            "learns_title": details.say(language, "placeholder_learns", name=name),
            "always": details.say(language, "placeholder_always", name=name),
            "has_buttons": not held.is_in_form and self._can_grant(view, held),
        }
        return pages.template("placeholder.html", context)


def _size_of(held: Held) -> str:
    """The attributes that give a placeholder the frame's size, whatever the page's policy.

    ``width`` and ``height`` of an ``object`` need no style; the frame's own ``style`` is held to
    the page's Content-Security-Policy here as it is there.
    """
    style = ";".join(_sizing(held.style))
    height = _dimension(held.height) or ("" if "aspect-ratio:" in style else "150")
    written = f' width="{_dimension(held.width) or "300"}"'
    written += f' height="{height}"' if height else ""
    written += f' style="{style}"' if style else ""
    return written + (" data-privacy-border" if held.has_border else "")


def _dimension(text: str) -> str:
    found = _DIMENSION.match(text)
    return found[1] + found[2] if found is not None else ""


def _sizing(style: str) -> list[str]:
    kept = []
    for declaration in style[:1_000].split(";"):
        name, _, value = declaration.partition(":")
        folded, size = name.strip().lower(), value.replace("!important", "").strip().lower()
        if _SIZING.fullmatch(folded) and _SIZE.fullmatch(size) and "url" not in size:
            kept.append(f"{folded}:{size}")
    return kept
