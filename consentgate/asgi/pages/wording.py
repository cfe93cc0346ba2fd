"""Owns what a page says of purposes and services, in one language; never knows markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

from consentgate.asgi.pages.languages import Facts
from consentgate.domain.policy.policy import (
    CookiePattern,
    Match,
    Policy,
    Role,
    Service,
    StorageKind,
)
from consentgate.domain.policy.purposes import Purpose, Wording
from consentgate.domain.regimes import Regime

if TYPE_CHECKING:
    from consentgate.asgi.pages.view import View

_ROLES = {
    Role.FIRST_PARTY: "role_first_party",
    Role.PROCESSOR: "role_processor",
    Role.THIRD_PARTY: "role_third_party",
}


class Details:
    """Says everything that the policy declares, in every language there are texts in."""

    def __init__(self, policy: Policy, texts: Mapping[str, Mapping[str, str]]) -> None:
        """Take the policy and the whole texts by language; ``en`` is among them."""
        self._policy = policy
        self._texts = texts
        self._facts = Facts(texts["en"])
        self._optional = {purpose.key for purpose in policy.optional_purposes}

    def say(self, language: str, key: str, **values: object) -> str:
        """One text with its blanks filled in."""
        return self._texts[language][key].format_map(_Blank(values))

    def wording(self, language: str, purpose: Purpose) -> tuple[str, str]:
        """Title and description of a purpose."""
        own = purpose.translations.get(language) or purpose.wording or Wording("", "")
        texts = self._texts[language]
        return (
            own.title or texts.get(f"purpose_{purpose.key}", purpose.key),
            own.description or texts.get(f"purpose_{purpose.key}_text", ""),
        )

    def asked(self, language: str, keys: tuple[str, ...]) -> list[str]:
        """Titles of the purposes asked about; of the services where only they changed."""
        wanted = frozenset(keys)
        return [
            self.wording(language, purpose)[0]
            for purpose in self._policy.optional_purposes
            if purpose.key in wanted
        ] or [service.title for service in self._policy.services if service.key in wanted]

    def count_services(self) -> int:
        """How many services serve a purpose that a visitor can refuse."""
        return sum(self._is_optional(service) for service in self._policy.services)

    def state(self, view: View) -> str:
        """What holds at the moment, in one sentence."""
        language = view.language
        if view.choice is None or not view.choice.is_explicit:
            return self.say(language, "state_undecided")
        granted = [
            self.wording(language, purpose)[0]
            for purpose in self._policy.optional_purposes
            if view.decision.purposes[purpose.key].is_granted
        ]
        granted += [
            self._policy.service_by_key[key].title
            for key, said in view.choice.services.items()
            if said and view.decision.allows(key)
        ]
        if granted:
            listed = self._texts[language]["comma"].join(granted)
            return self.say(language, "state_granted", purposes=listed)
        is_opt_out = view.regime.has_opt_out_link
        return self.say(language, "state_opted_out" if is_opt_out else "state_refused")

    def purposes(self, view: View) -> Iterator[SimpleNamespace]:
        """Every purpose with its services under it, for this visitor."""
        comma = self._texts[view.language]["comma"]
        for purpose in self._policy.purposes:
            title, description = self.wording(view.language, purpose)
            verdict = view.decision.purposes[purpose.key]
            yield SimpleNamespace(
                key=purpose.key,
                title=title,
                description=description,
                data=self._if(view.language, "purpose_data", data=comma.join(purpose.data)),
                retention=self._if(view.language, "retention", days=purpose.retention_days),
                is_necessary=purpose.is_necessary,
                is_granted=verdict.is_granted,
                services=[
                    self.service(view, service)
                    for service in self._policy.services
                    if service.purposes[:1] == (purpose.key,)
                ],
            )

    def service(self, view: View, service: Service) -> SimpleNamespace:
        """One service: who, where, what it learns and what it keeps."""
        language = view.language
        own = service.translations.get(language)
        texts = self._texts[language]
        return SimpleNamespace(
            key=service.key,
            title=own.title if own else service.title,
            description=own.description if own else service.description,
            is_optional=self._is_optional(service),
            needs=" ".join(service.purposes),
            is_granted=view.decision.services[service.key].is_granted,
            by=self._if(language, "service_by", owner=service.owner),
            role=texts[_ROLES[service.role]],
            country=self._if(language, "service_country", country=service.country),
            transfer=self._if(language, "service_transfer", transfer=service.transfer),
            cross_site=texts["cross_site"] if service.is_cross_site else "",
            policy_url=service.policy_url if _is_link(service.policy_url) else "",
            policy=self.say(language, "service_policy", name=service.title),
            learns=[self._facts.say(phrase, texts) for phrase in service.learns],
            stored=list(self._stored(language, service)),
            has_uses=any(item.description for item in service.cookies),
        )

    def _stored(self, language: str, service: Service) -> Iterator[SimpleNamespace]:
        """What it keeps in the browser, for how long, and who can read it (COL-13)."""
        texts = self._texts[language]
        readers = [texts["access_site"], *([service.owner] if service.owner else [])]
        access = texts["comma"].join(readers)
        for item in service.cookies:
            yield SimpleNamespace(
                name=_starred(item.name, item.match),
                use=item.description,
                lifetime=self._lifetime(language, item.lifetime_seconds),
                access=access + _crossing(item),
            )
        for key in service.storage:
            is_session = key.kind is StorageKind.SESSION
            yield SimpleNamespace(
                name=_starred(key.name, key.match),
                use="",
                lifetime=texts["item_session" if is_session else "item_kept"],
                access=access,
            )

    def _lifetime(self, language: str, seconds: int | None) -> str:
        if seconds is None:
            return self.say(language, "item_session")
        return self.say(language, "item_days", days=max(1, round(seconds / 86_400)))

    def _is_optional(self, service: Service) -> bool:
        return bool(self._optional & set(service.purposes))

    def _if(self, language: str, key: str, **values: object) -> str:
        """The text, where there is something to say."""
        return self.say(language, key, **values) if all(values.values()) else ""

    def intro(self, language: str, regime: Regime) -> str:
        """Who asks, for what, and what the visitor can do, for the rules that apply (COL-10)."""
        key = {"opt-in": "intro", "opt-out": "opt_out_intro", "notice": "notice_intro"}
        return self.say(language, key[regime.model.value], controller=self._policy.controller.name)


class _Blank(dict[str, object]):
    """Leaves a placeholder of a site's own text empty where there is no such value."""

    def __missing__(self, key: str) -> str:
        return ""


def _crossing(item: CookiePattern) -> str:
    """Why browsers send it from other sites too, in the attribute's own words (CKE-16)."""
    if not item.is_cross_site:
        return ""
    return " (Partitioned)" if item.is_partitioned else " (SameSite=None)"


def _starred(name: str, match: Match) -> str:
    return name + "*" if match is Match.PREFIX else name


def _is_link(address: str) -> bool:
    return address.startswith(("https://", "http://", "/"))
