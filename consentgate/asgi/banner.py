"""Owns what a visitor sees: the first layer in the page's flow, and the choices page.

Fragments are rendered once for each distinct content; a request only fills in where to return to.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from consentgate.asgi.languages import Facts, direction, negotiate
from consentgate.domain.choices import Choice
from consentgate.domain.decision import Decision, Reason
from consentgate.domain.policy import CookiePattern, Match, Policy, Service
from consentgate.domain.purposes import Purpose
from consentgate.domain.regimes import Model, Regime

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_FRAGMENTS = 1_024
_NEXT = "\ue000next\ue000"
"""Stands for the return address in a cached fragment; private-use, so it is in no text."""
_BY_SIGNAL = {
    Reason.GPC: "signal_gpc",
    Reason.GPC_REMEMBERED: "signal_gpc",
    Reason.DNT: "signal_dnt",
    Reason.DNT_REMEMBERED: "signal_dnt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the pages need to know of one visit."""

    language: str
    regime: Regime
    decision: Decision
    choice: Choice | None
    root: str
    """Address of the choices page, with the app's mount path."""
    next: str
    """Path and query to return to."""
    source: str = "banner"
    is_https: bool = False
    problem: str = ""
    """Code of a problem to explain, such as ``notice_outdated``."""


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
        self._templates = templates
        english = texts["en"]
        self.texts = {
            tag: {**english, **texts.get(tag, {}), **policy.texts.get(tag, {})}
            for tag in {*texts, *policy.texts}
        }
        self._facts = Facts(english)
        self._fragments: dict[object, tuple[bytes, ...]] = {}
        self._notices: dict[tuple[str, Model], tuple[str, bytes]] = {}
        self._hashes: dict[str, str] = {}
        self._languages: dict[tuple[str, str], str] = {}

    def negotiate(self, accept_language: str, page_language: str = "") -> str:
        """The language for a visitor: that of the page, else by header."""
        asked = (accept_language, page_language)
        found = self._languages.get(asked)
        if found is None:
            found = negotiate(
                accept_language, page_language, self.texts, self._policy.site.language
            )
            if len(self._languages) < _MOST_FRAGMENTS and len(accept_language) < 200:
                self._languages[asked] = found
        return found

    def head(self, view: View) -> bytes:
        """Markup for the page's head: our style and script, first-party and immutable."""
        return self._fragment(("head", view.root), lambda: self._head(view.root))[0]

    def opening(self, view: View) -> bytes:
        """Markup right after ``<body>``: the first layer where one is due, else the way back."""
        decision = view.decision
        key = (
            "opening",
            view.language,
            view.root,
            view.regime.model,
            view.regime.has_opt_out_link,
            decision.asks,
            decision.signals,
            _signal(decision),
        )
        parts = self._fragment(key, lambda: self._opening(view))
        return html.escape(view.next).encode("ascii", "xmlcharrefreplace").join(parts)

    def page(self, view: View) -> bytes:
        """The whole choices page; works without JavaScript (COL-15)."""
        context = self._context(view)
        context.update(
            head=_safe(self.head(view).decode()),
            page_intro=self._say(view.language, "page_intro", controller=self._controller),
            state=self._state(view),
            problem=self.texts[view.language].get(f"problem_{view.problem}", ""),
            purposes=list(self._purposes(view)),
            can_withdraw=view.choice is not None and view.choice.grants_anything,
            home=view.root.removesuffix(self._policy.site.prefix) or "/",
            next=view.next if view.source == "page" else view.root,
        )
        return self._environment.get_template("page.html").render(context).encode()

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

    def language_of_notice(self, name: str) -> str:
        """The language of a notice of today's policy; empty where the hash is not one."""
        if name not in self._hashes and len(self._notices) < len(self.texts) * len(Model):
            for _ in self.notices():
                pass
        return self._hashes.get(name, "")

    @cached_property
    def assets(self) -> Mapping[str, tuple[str, bytes]]:
        """File name, which holds the content's hash, to media type and bytes."""
        found = {}
        for suffix, media_type in (
            ("css", "text/css; charset=utf-8"),
            ("js", "text/javascript; charset=utf-8"),
        ):
            body = static_file(f"banner.{suffix}")
            found[f"{hashlib.sha256(body).hexdigest()[:16]}.{suffix}"] = (media_type, body)
        return found

    def _fragment(self, key: object, render: Any) -> tuple[bytes, ...]:
        found = self._fragments.get(key)
        if found is None:
            text: str = render()
            # ASCII, so that it reads the same in a page of any ASCII-compatible charset
            found = tuple(part.encode("ascii", "xmlcharrefreplace") for part in text.split(_NEXT))
            if len(self._fragments) >= _MOST_FRAGMENTS:
                self._fragments.clear()
            self._fragments[key] = found
        return found

    def _head(self, root: str) -> str:
        place = html.escape(root)
        tags = {
            "css": '<link rel="stylesheet" href="{}">',
            "js": '<script src="{}" defer></script>',
        }
        return "".join(
            tags[name.rpartition(".")[2]].format(f"{place}/assets/{name}") for name in self.assets
        )

    def _opening(self, view: View) -> str:
        context = self._context(view)
        language = view.language
        wanted = {key for key in view.decision.asks if key in self._policy.purpose_by_key}
        context.update(
            shows_choice=bool(view.decision.asks) and self._policy.site.banner != "none",
            is_opt_out=view.regime.has_opt_out_link,
            position=self._policy.site.banner,
            intro=self._say(language, "intro", controller=self._controller),
            asked=[
                self._wording(language, purpose)[0]
                for purpose in self._policy.optional_purposes
                if purpose.key in wanted
            ]
            or [
                service.title
                for service in self._policy.services
                if service.key in view.decision.asks
            ],
            services_count=self._say(language, "services_count", count=self._count_services()),
            next=_NEXT,
        )
        return self._environment.get_template("opening.html").render(context).strip()

    def _context(self, view: View) -> dict[str, Any]:
        language = view.language
        signal = _signal(view.decision)
        controller = self._policy.controller
        return {
            "language": language,
            "direction": direction(language),
            "t": self.texts[language],
            "root": view.root,
            "controller": controller,
            "contact": self._say(language, "contact", contact=controller.contact)
            if controller.contact
            else "",
            "effective": self._say(
                language, "effective", version=self._policy.version, date=self._policy.effective
            ),
            "notice": self.notice(language, view.regime)[0],
            "source": view.source,
            "told": " ".join(signal_names(view.decision)),
            "is_honoured": bool(signal),
            "signal": self.texts[language].get(signal, ""),
        }

    def _render_notice(self, language: str, regime: Regime) -> tuple[str, bytes]:
        from consentgate.domain.decision import decide
        from consentgate.domain.signals import NONE

        view = View(
            language=language,
            regime=regime,
            decision=decide(self._policy, regime, NONE, None, 0),
            choice=None,
            root=self._policy.site.prefix,
            next="",
        )
        self._notices[language, regime.model] = ("", b"")  # the notice does not name itself
        context = self._context(view)
        context.update(
            purposes=list(self._purposes(view)),
            intro=self._say(language, "intro", controller=self._controller),
            services_count=self._say(language, "services_count", count=self._count_services()),
        )
        body = self._environment.get_template("notice.html").render(context).encode()
        return hashlib.sha256(body).hexdigest(), body

    @property
    def _controller(self) -> str:
        return self._policy.controller.name

    def _count_services(self) -> int:
        optional = {purpose.key for purpose in self._policy.optional_purposes}
        return sum(bool(optional & set(service.purposes)) for service in self._policy.services)

    def _say(self, language: str, key: str, **values: object) -> str:
        return self.texts[language][key].format_map(_Blank(values))

    def _wording(self, language: str, purpose: Purpose) -> tuple[str, str]:
        own = purpose.translations.get(language) or purpose.wording
        if own is not None:
            return own.title, own.description
        texts = self.texts[language]
        return (
            texts.get(f"purpose_{purpose.key}", purpose.key),
            texts.get(f"purpose_{purpose.key}_text", ""),
        )

    def _state(self, view: View) -> str:
        language = view.language
        if view.choice is None or not view.choice.is_explicit:
            return self.texts[language]["state_undecided"]
        granted = [
            self._wording(language, purpose)[0]
            for purpose in self._policy.optional_purposes
            if view.decision.purposes[purpose.key].is_granted
        ]
        granted += [
            self._policy.service_by_key[key].title
            for key, said in view.choice.services.items()
            if said and view.decision.allows(key)
        ]
        if not granted:
            return self.texts[language]["state_refused"]
        return self._say(language, "state_granted", purposes=", ".join(granted))

    def _purposes(self, view: View) -> Iterator[SimpleNamespace]:
        for purpose in self._policy.purposes:
            title, description = self._wording(view.language, purpose)
            services = [
                self._service(view, service)
                for service in self._policy.services
                if service.purposes[:1] == (purpose.key,)
            ]
            verdict = view.decision.purposes[purpose.key]
            retention = purpose.retention_days
            yield SimpleNamespace(
                key=purpose.key,
                title=title,
                description=description,
                retention=self._say(view.language, "retention", days=retention)
                if retention
                else "",
                is_necessary=purpose.is_necessary,
                is_granted=verdict.is_granted,
                is_chosen=_is_chosen(view, purpose.key),
                services=services,
            )

    def _service(self, view: View, service: Service) -> SimpleNamespace:
        language = view.language
        own = service.translations.get(language)
        optional = {purpose.key for purpose in self._policy.optional_purposes}
        return SimpleNamespace(
            key=service.key,
            title=own.title if own else service.title,
            description=own.description if own else service.description,
            is_optional=bool(optional & set(service.purposes)),
            is_granted=view.decision.services[service.key].is_granted,
            is_chosen=_is_chosen(view, service.key),
            by=self._say(language, "service_by", owner=service.owner) if service.owner else "",
            country=self._say(language, "service_country", country=service.country)
            if service.country
            else "",
            policy_url=service.policy_url if _is_link(service.policy_url) else "",
            policy=self._say(language, "service_policy", name=service.title),
            learns=[self._facts.say(phrase, self.texts[language]) for phrase in service.learns],
            stored=[
                SimpleNamespace(name=_shown(item), lifetime=self._lifetime(language, item))
                for item in service.cookies
            ],
        )

    def _lifetime(self, language: str, item: CookiePattern) -> str:
        if item.lifetime_seconds is None:
            return self.texts[language]["item_session"]
        days = max(1, round(item.lifetime_seconds / 86_400))
        return self._say(language, "item_days", days=days)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader

        shipped = PackageLoader("consentgate", "data/templates")
        own = [FileSystemLoader(self._templates)] if self._templates else []
        return Environment(
            loader=ChoiceLoader([*own, shipped]),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )


class _Blank(dict[str, object]):
    """Leaves a placeholder of a site's own text empty where there is no such value."""

    def __missing__(self, key: str) -> str:
        return ""


def _safe(markup: str) -> Any:
    from markupsafe import Markup

    return Markup(markup)  # our own head markup, escaped where it was made


def _signal(decision: Decision) -> str:
    """The text key of the signal that decided something; empty where none did (SIG-09)."""
    for verdict in decision.purposes.values():
        if verdict.reason in _BY_SIGNAL:
            return _BY_SIGNAL[verdict.reason]
    return ""


def signal_names(decision: Decision) -> list[str]:
    """The signals that count on this visit, by name."""
    pairs = (("gpc", decision.signals.gpc), ("dnt", decision.signals.dnt))
    return [name for name, is_set in pairs if is_set]


def _is_chosen(view: View, key: str) -> bool:
    """Whether a box is ticked: never before the visitor was heard under opt-in (COL-04)."""
    verdict = view.decision.purposes.get(key) or view.decision.services[key]
    return verdict.is_granted


def _shown(item: CookiePattern) -> str:
    return item.name + "*" if item.match is Match.PREFIX else item.name


def _is_link(address: str) -> bool:
    return address.startswith(("https://", "http://", "/"))


def static_file(name: str) -> bytes:
    """A file of ``static/``, from the wheel or from a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    inside = files("consentgate") / "static" / name
    if inside.is_file():
        return inside.read_bytes()
    return (Path(__file__).parents[2] / "static" / name).read_bytes()


def state_of(
    policy: Policy, regime: Regime, decision: Decision, choice: Choice | None, *, notice: str = ""
) -> dict[str, Any]:
    """The visitor's state as a JSON object, for scripts and sites with their own interface."""
    denied = [
        service for service in policy.services if not decision.services[service.key].is_granted
    ]
    return {
        "decided": choice is not None and choice.is_explicit,
        "regime": regime.code,
        "model": regime.model.value,
        "purposes": {key: verdict.is_granted for key, verdict in decision.purposes.items()},
        "services": {key: verdict.is_granted for key, verdict in decision.services.items()},
        "why": {key: verdict.reason.name.lower() for key, verdict in decision.purposes.items()},
        "signals": signal_names(decision),
        "asks": list(decision.asks),
        "notice": notice,
        "remove": {
            "names": [
                {"name": item.name, "match": item.match.value}
                for service in denied
                for item in service.cookies
            ],
            "storage": [
                {"kind": key.kind.value, "name": key.name, "match": key.match.value}
                for service in denied
                for key in service.storage
            ],
        },
    }
