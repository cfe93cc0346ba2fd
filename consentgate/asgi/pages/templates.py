"""Owns what a visitor sees: the first layer in the page's flow, and the choices page.

Fragments are rendered once for each distinct content; a request only fills in where to return to.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consentgate.asgi.pages.assets import (
    BOXES,
    INTEREST,
    MODES,
    PAGE_STYLE,
    SCRIPT,
    STYLE,
    address_of,
)
from consentgate.asgi.pages.languages import direction, negotiate
from consentgate.asgi.pages.state import compact, modes_of, signal_names
from consentgate.asgi.pages.view import View
from consentgate.asgi.pages.wording import Details
from consentgate.domain.decision import Decision, decide
from consentgate.domain.policy.policy import Announcement, Policy
from consentgate.domain.regimes import Model, Regime
from consentgate.domain.signals import NONE
from consentgate.memo import Memo, up_to

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_FRAGMENTS = 1_024
_NEXT = "\ue000next\ue000"
"""Stands for the return address in a remembered fragment; private-use, so it is in no text."""
_NOTICE = "notice"
"""The source of the notice itself, which does not name itself."""
_NONCE = "\ue000nonce\ue000"
"""Stands for the attribute that carries the page's nonce."""


class Pages:
    """Renders the first layer and the choices page of one policy, in every language."""

    def __init__(
        self,
        policy: Policy,
        texts: Mapping[str, Mapping[str, str]],
        *,
        templates: Path | None = None,
    ) -> None:
        """Lay the policy's own texts over the shipped ones.

        Args:
            policy: what the site declares.
            texts: shipped texts by language; ``en`` is complete.
            templates: folder whose templates replace shipped ones of the same name.
        """
        self._policy = policy
        self._environment = _compiled(templates)
        english = texts["en"]
        self.texts = {
            tag: {**english, **texts.get(tag, {}), **policy.texts.get(tag, {})}
            for tag in {*texts, *policy.texts}
        }
        self.details = Details(policy, self.texts)
        self._fragments = Memo[object, tuple[bytes, ...]](None, _MOST_FRAGMENTS)
        self._notices: dict[tuple[str, Model], tuple[str, bytes]] = {}
        self._hashes: dict[str, str] = {}
        self._languages = Memo(self._negotiated, _MOST_FRAGMENTS, is_small=up_to(200))

    def negotiate(self, accept_language: str, page_language: str = "") -> str:
        """The language for a visitor: that of the page, else by header."""
        return self._languages[accept_language, page_language]

    def _negotiated(self, asked: tuple[str, str]) -> str:
        return negotiate(*asked, self.texts, self._policy.site.language)

    def head(self, view: View) -> bytes:
        """Markup for the page's head: our style and script, first-party and immutable."""
        kind = (view.is_bound, view.is_sent, view.reports_interest)
        key = ("head", view.root, view.state, kind)
        parts = self._fragment(key, lambda: self._head(view), _NONCE)
        nonce = f' nonce="{html.escape(view.nonce)}"' if view.nonce else ""
        return nonce.encode("ascii", "ignore").join(parts)

    def opening(self, view: View) -> bytes:
        """Markup right after ``<body>``: the first layer where one is due, else the way back."""
        decision = view.decision
        key = (
            "opening",
            view.shape,
            view.language,
            view.root,
            view.regime.model,
            view.regime.has_opt_out_link,
            decision.asks,
            decision.signals,
            self._signal(decision),
            bool(view.state),
            view.can_withdraw,
            view.news,
        )
        parts = self._fragment(key, lambda: self._opening(view))
        return html.escape(view.next).encode("ascii", "xmlcharrefreplace").join(parts)

    def page(self, view: View) -> bytes:
        """The whole choices page; works without JavaScript (COL-15)."""
        choice = view.choice
        boxes = f'<script src="{html.escape(view.root)}/assets/{address_of(BOXES)}" defer></script>'
        return self.render(
            "page.html",
            view,
            head=_safe(self.head(view).decode() + boxes),
            page_intro=self.details.say(
                view.language, "page_intro", controller=self._policy.controller.name
            ),
            state=self.details.state(view),
            problem=self._problem(view),
            has_receipt=choice is not None and choice.grants_anything,
            home=view.root.removesuffix(self._policy.site.prefix) or "/",
            next=view.next if view.source == "page" else view.root,
        )

    def render(self, template: str, view: View, **more: object) -> bytes:
        """A whole page: the template of that name, the site's own where there is one."""
        context = {**self._context(view), **more}
        return self._environment.get_template(template).render(context).encode()

    def announcement(self, language: str, change: Announcement | None) -> str:
        """The change to come, in one sentence; empty where there is none."""
        if change is None:
            return ""
        return self.details.say(language, "announce", date=change.effective, summary=change.summary)

    def _problem(self, view: View) -> str:
        """Why the last choice was not taken, or what a feature needs; empty: nothing."""
        if view.needs:
            titles = self.details.asked(view.language, (view.needs,))
            comma = self.texts[view.language]["comma"]
            return self.details.say(
                view.language, "needs_permission", purposes=comma.join(titles) or view.needs
            )
        texts = self.texts[view.language]
        return texts.get(f"problem_{view.problem}", texts["problem_other"]) if view.problem else ""

    def notice(self, language: str, regime: Regime) -> tuple[str, bytes]:
        """The notice as evidence: its SHA-256 and exact bytes, the same for every visitor."""
        found = self._notices.get((language, regime.model))
        if found is None:
            found = self._render_notice(language, regime)
            self._notices[language, regime.model] = found
            self._hashes[found[0]] = language
        return found

    def notices(self) -> Iterator[tuple[str, bytes]]:
        """Every notice in every language and model: hash and bytes."""
        for language in sorted(self.texts):
            for model in Model:
                yield self.notice(language, Regime(code="ZZ", model=model))

    @property
    def has_every_notice(self) -> bool:
        """Whether all of them are written by now."""
        return len(self._notices) == len(self.texts) * len(Model)

    def language_of_notice(self, name: str) -> str:
        """The language of a notice of today's policy; empty where the hash is not one."""
        if name not in self._hashes and not self.has_every_notice:
            self.warm()
        return self._hashes.get(name, "")

    def fragment(self, key: object, render: Callable[[str], str]) -> tuple[bytes, ...]:
        """The pieces of a fragment, between which the return address goes; made once for its key.

        Args:
            key: everything that can make the fragment another one.
            render: writes it, given what stands for the return address.
        """
        return self._fragment(key, lambda: render(_NEXT))

    def template(self, name: str, context: Mapping[str, Any]) -> str:
        """A template of the site's or ours, filled in."""
        return self._environment.get_template(name).render(context).strip()

    def _fragment(
        self, key: object, render: Callable[[], str], blank: str = _NEXT
    ) -> tuple[bytes, ...]:
        return self._fragments.recall(key, lambda: _pieces(render(), blank))

    def _head(self, view: View) -> str:
        """Modes first and blocking, so that no tag is faster (INT-01); then style and script."""
        place = f"{html.escape(view.root)}/assets/"
        modes = ""
        if self._policy.site.consent_mode:
            told = _attribute(compact(modes_of(view.decision)))
            modes = (
                f'<script{_NONCE} src="{place}{address_of(MODES)}" '
                f"data-privacy-modes='{told}'></script>"
            )
        interest = ""
        if view.reports_interest:
            interest = f'<script{_NONCE} src="{place}{address_of(INTEREST)}" defer></script>'
        state = f" data-privacy-state='{_attribute(view.state)}'" if view.state else ""
        state += " data-privacy-bound" if view.is_bound else ""
        state += " data-privacy-sent" if view.is_sent else ""
        return (
            f'{modes}<link{_NONCE} rel="stylesheet" href="{place}{address_of(STYLE)}">'
            f'<script{_NONCE} src="{place}{address_of(SCRIPT)}" defer{state}></script>{interest}'
        )

    def _opening(self, view: View) -> str:
        context = self._context(view)
        context["next"] = _NEXT
        return self._environment.get_template("opening.html").render(context).strip()

    def _context(self, view: View) -> dict[str, Any]:
        language = view.language
        details = self.details
        signal = self._signal(view.decision)
        controller = self._policy.controller
        position = self._policy.site.banner
        optional = tuple(purpose.key for purpose in self._policy.optional_purposes)
        return {
            "language": language,
            "direction": direction(language),
            "t": self.texts[language],
            "root": view.root,
            "style": f"{view.root}/assets/{address_of(STYLE)}",
            "page_style": f"{view.root}/assets/{address_of(PAGE_STYLE)}",
            "shape": view.shape,
            "position": "flow" if position == "none" else position,
            "is_opt_out": view.regime.has_opt_out_link,
            "is_hidden": not view.state,
            "can_withdraw": view.can_withdraw,
            "controller": controller,
            "contact": details.say(language, "contact", contact=controller.contact)
            if controller.contact
            else "",
            "version": self._policy.version,
            "date": self._policy.effective.isoformat(),
            "model": view.regime.model.value,
            "effective": details.say(
                language, "effective", version=self._policy.version, date=self._policy.effective
            ),
            "intro": details.intro(language, view.regime),
            "asked": details.asked(language, view.decision.asks or optional),
            "services_count": details.say(
                language, "services_count", count=details.count_services()
            ),
            "purposes": details.purposes(view),
            "notice": "" if view.source == _NOTICE else self.notice(language, view.regime)[0],
            "source": view.source,
            "told": " ".join(signal_names(view.decision)),
            "announcement": self.announcement(language, view.news),
            "can_close": bool(view.state),
            "signal": self.texts[language].get(signal, ""),
            "signal_state": "overridden" if signal == "signal_overridden" else "honored",
        }

    def _signal(self, decision: Decision) -> str:
        """The text key that says what came of a signal; empty where there is none (SIG-09)."""
        signals = decision.signals
        if not signals.is_set:
            return ""
        for purpose in self._policy.optional_purposes:
            is_covered = (signals.gpc and purpose.is_sale_or_share) or (
                signals.dnt and purpose.is_tracking
            )
            if is_covered and decision.purposes[purpose.key].is_granted:
                return "signal_overridden"
        return "signal_gpc" if signals.gpc else "signal_dnt"

    def _render_notice(self, language: str, regime: Regime) -> tuple[str, bytes]:
        view = View(
            language=language,
            regime=regime,
            decision=decide(self._policy, regime, NONE, None, 0),
            choice=None,
            root=self._policy.site.prefix,
            next="",
            source=_NOTICE,
        )
        body = self.render("notice.html", view)
        return hashlib.sha256(body).hexdigest(), body

    def warm(self) -> None:
        """Write every notice, which takes a second where there are many services: in a thread."""
        for _ in self.notices():
            pass


@cache
def _compiled(own: Path | None) -> Environment:
    """The templates, compiled: once a process for the shipped ones.

    Args:
        own: folder whose templates replace shipped ones of the same name.
    """
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader

    shipped = PackageLoader("consentgate", "data/templates")
    loaders = [FileSystemLoader(own), shipped] if own is not None else [shipped]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    for name in shipped.list_templates():
        environment.get_template(name)
    return environment


def _pieces(fragment: str, blank: str) -> tuple[bytes, ...]:
    """Split at the blank; ASCII, so that it reads the same in any ASCII-compatible charset."""
    return tuple(part.encode("ascii", "xmlcharrefreplace") for part in fragment.split(blank))


def _safe(markup: str) -> Any:
    from markupsafe import Markup

    return Markup(markup)  # our own head markup, escaped where it was made


def _attribute(text: str) -> str:
    """Text for an attribute in single quotes: JSON stays readable."""
    return text.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")
