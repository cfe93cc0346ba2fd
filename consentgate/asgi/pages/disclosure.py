"""Owns the disclosure: what this site does with data, in words and as JSON, from the live policy.

The same for every visitor: it knows no request, no choice and no place.
"""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.view import View
from consentgate.domain.answers import Answer, answer_to_dnt, answer_to_gpc, followers
from consentgate.domain.decision import decide
from consentgate.domain.policy.policy import CookiePattern, Policy, Service
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.memo import Memo

_MOST_PAGES = 256
INDUSTRY = (
    ("YourAdChoices", "https://youradchoices.com/control"),
    ("Network Advertising Initiative", "https://optout.networkadvertising.org/"),
    ("AdChoices Canada", "https://youradchoices.ca/"),
    ("Your Online Choices", "https://www.youronlinechoices.eu/"),
)
"""Opt-out pages of the advertising industry (TPD-07)."""


class Disclosure:
    """Says what the policy in force declares (TPD-02)."""

    def __init__(self, policy: Policy, pages: Pages) -> None:
        self._policy = policy
        self._pages = pages
        self._details = pages.details
        self._gpc, self._dnt = answer_to_gpc(policy), answer_to_dnt(policy)
        self._followers = followers(policy)
        self._drawn = Memo(self._draw, _MOST_PAGES)

    def page(self, language: str, root: str, today: dt.date) -> bytes:
        """The page, for readers.

        Args:
            language: one that there are texts in.
            root: address of the choices page, with the app's mount path.
            today: an announcement is shown until it takes effect.
        """
        return self._drawn[language, root, today]

    def _draw(self, question: tuple[str, str, dt.date]) -> bytes:
        language, root, today = question
        view = View(
            language=language,
            regime=UNKNOWN,
            decision=decide(self._policy, UNKNOWN, NONE, None, 0),
            choice=None,
            root=root,
            next="",
        )
        purposes = [
            SimpleNamespace(
                **{**vars(purpose), "services": self._disclosed(language, purpose.services)}
            )
            for purpose in self._details.purposes(view)
        ]
        return self._pages.render(
            "disclosure.html",
            view,
            purposes=purposes,
            service_level=3,
            answers=self._statements(language),
            same_party=self._same_party(language),
            opt_outs=self._opt_outs(),
            announcement=self._pages.announcement(language, self._policy.announced(today)),
        )

    def _disclosed(self, language: str, services: list[SimpleNamespace]) -> list[SimpleNamespace]:
        """The services of a purpose, each with all that it serves; nothing is chosen here."""
        return [
            SimpleNamespace(
                **{
                    **vars(service),
                    "is_optional": False,
                    "serves": self._serves(language, service.key),
                }
            )
            for service in services
        ]

    def document(self, language: str, root: str, today: dt.date) -> dict[str, Any]:
        """The same as JSON; sentences are in ``language``, keys and codes never change."""
        policy, said = self._policy, self._statements(language)
        announced = policy.announced(today)
        return {
            "controller": {
                "name": policy.controller.name,
                "address": policy.controller.address,
                "contact": policy.controller.contact,
                "country": policy.controller.country,
                "policy_url": policy.controller.policy_url,
            },
            "version": policy.version,
            "effective": policy.effective.isoformat(),
            "announced": announced
            and {"effective": announced.effective.isoformat(), "summary": announced.summary},
            "language": language,
            "choices": root,
            "notices": f"{root}/notices",
            "gpc_response": said.gpc,
            "gpc": _plain(self._gpc),
            "dnt_response": said.dnt,
            "dnt": _plain(self._dnt),
            "third_parties_follow": said.follow,
            "followers": [service.key for service in self._followers],
            "purposes": [self._purpose(language, key) for key in policy.purpose_by_key],
            "services": [self._service(service) for service in policy.services],
            "same_party": list(policy.site.same_party),
            "opt_outs": [{"name": one.name, "url": one.url} for one in self._opt_outs()],
        }

    def _statements(self, language: str) -> SimpleNamespace:
        """How signals are answered, and who follows people (SIG-34, TPD-03), in sentences."""
        return SimpleNamespace(
            gpc=self._sentence(language, "answer_gpc", self._gpc),
            dnt=self._sentence(language, "answer_dnt", self._dnt),
            follow=self._follow(language),
        )

    def _sentence(self, language: str, key: str, answer: Answer) -> str:
        if answer.setting != "everywhere":
            key = f"{key}_{answer.setting}"
        policy = self._policy
        names = [
            self._details.wording(language, policy.purpose_by_key[purpose])[0]
            for purpose in answer.purposes
        ]
        names += [policy.service_by_key[service].title for service in answer.services]
        listed = self._pages.texts[language]["comma"].join(names)
        return self._details.say(language, key, purposes=listed or "–")

    def _follow(self, language: str) -> str:
        if not self._followers:
            return self._details.say(language, "no_cross_site")
        names = [_owned(service) for service in self._followers]
        listed = self._pages.texts[language]["comma"].join(names)
        return self._details.say(language, "third_parties_follow", services=listed)

    def _serves(self, language: str, key: str) -> str:
        """Every purpose of a service that has several; it stands under the first."""
        own = self._policy.service_by_key[key].purposes
        titles = [
            self._details.wording(language, self._policy.purpose_by_key[purpose])[0]
            for purpose in own
        ]
        texts = self._pages.texts[language]
        listed = texts["comma"].join(titles)
        return f"{texts['purposes_asked']} {listed}" if len(own) > 1 else ""

    def _same_party(self, language: str) -> str:
        hosts = self._policy.site.same_party
        comma = self._pages.texts[language]["comma"]
        return self._details.say(language, "same_party", hosts=comma.join(hosts)) if hosts else ""

    def _opt_outs(self) -> list[SimpleNamespace]:
        """Where advertising can be opted out of beyond this site; none where there is none."""
        policy = self._policy
        has_adverts = bool(self._followers) or any(
            policy.purpose_by_key[key].is_sale_or_share
            for service in policy.services
            for key in service.purposes
        )
        return [SimpleNamespace(name=name, url=url) for name, url in INDUSTRY if has_adverts]

    def _purpose(self, language: str, key: str) -> dict[str, Any]:
        purpose = self._policy.purpose_by_key[key]
        title, description = self._details.wording(language, purpose)
        return {
            "key": key,
            "title": title,
            "description": description,
            "data": list(purpose.data),
            "retention_days": purpose.retention_days,
            "necessary": purpose.is_necessary,
            "sale_or_share": purpose.is_sale_or_share,
            "tracking": purpose.is_tracking,
            "services": [one.key for one in self._policy.services if key in one.purposes],
        }

    def _service(self, service: Service) -> dict[str, Any]:
        owner = service.owner or self._policy.controller.name
        readers = [self._policy.controller.name, *([service.owner] if service.owner else [])]
        return {
            "key": service.key,
            "name": service.title,
            "purposes": list(service.purposes),
            "owner": owner,
            "role": service.role.value,
            "third_party": service.is_third_party,
            "country": service.country,
            "transfer": service.transfer,
            "policy_url": service.policy_url,
            "cross_site": service.is_cross_site,
            "learns": list(service.learns),
            "hosts": [
                ("*." if host.includes_subdomains else "") + host.host + host.path_prefix
                for host in service.hosts
            ],
            "cookies": [{**_cookie(item), "readers": readers} for item in service.cookies],
            "storage": [
                {"kind": key.kind.value, "name": key.name, "match": key.match.value}
                for key in service.storage
            ],
        }


def _cookie(item: CookiePattern) -> dict[str, Any]:
    return {
        "name": item.name,
        "match": item.match.value,
        "lifetime_seconds": item.lifetime_seconds,
        "use": item.description,
        "cross_site": item.is_cross_site,
    }


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        "honoured": answer.setting,
        "switches_off": list(answer.purposes),
        "switches_off_services": list(answer.services),
    }


def _owned(service: Service) -> str:
    """``Ads (Ads Inc.)``, so that a brand is known by its company too."""
    return f"{service.title} ({service.owner})" if service.owner else service.title
