"""Owns what purposes and services mean, as hashes: the part of a policy a choice is about.

Texts are not meaning: a new wording keeps every choice (VER-02; EDPB 05/2020, paragraph 110).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from consentgate.domain.policy.policy import Policy, Service
from consentgate.domain.policy.purposes import NECESSARY, Purpose

HASH_BYTES = 6
"""Bytes of the hash that a token carries to name a meaning."""


@dataclass(frozen=True)
class Meaning:
    """What could be chosen at one time, in the order of its bits in a token (sorted keys)."""

    purposes: tuple[tuple[str, str], ...]
    """Key and fingerprint of every optional purpose."""
    services: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Key, fingerprint and optional purposes of every service that needs a choice."""

    @cached_property
    def hash(self) -> bytes:
        """Six bytes that name this meaning in tokens and in the ledger."""
        return hashlib.sha256(self.to_json().encode()).digest()[:HASH_BYTES]

    def to_json(self) -> str:
        """The canonical text the hash is taken of."""
        table = {"purposes": self.purposes, "services": self.services}
        return json.dumps(table, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Meaning:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: the text is something else.
        """
        try:
            table = json.loads(text)
            return cls(
                tuple((str(key), str(print_)) for key, print_ in table["purposes"]),
                tuple(
                    (str(key), str(print_), tuple(map(str, keys)))
                    for key, print_, keys in table["services"]
                ),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a table of meanings: {error}") from error


def meaning_of(policy: Policy) -> Meaning:
    """Say what the optional purposes and the services of a policy mean."""
    optional = {purpose.key for purpose in policy.optional_purposes}
    return Meaning(
        tuple(sorted((purpose.key, fingerprint(purpose)) for purpose in policy.optional_purposes)),
        tuple(
            sorted(
                (service.key, fingerprint(service), tuple(sorted(optional & set(service.purposes))))
                for service in policy.services
                if optional & set(service.purposes)
            )
        ),
    )


def fingerprint(subject: Purpose | Service) -> str:
    """Hash everything about a purpose or service but its texts, as 16 hexadecimal digits."""
    text = json.dumps(facts_of(subject), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def facts_of(subject: Purpose | Service) -> dict[str, object]:
    """What a purpose or service means, fact by fact: all of it but its texts."""
    return _purpose_facts(subject) if isinstance(subject, Purpose) else _service_facts(subject)


def _purpose_facts(purpose: Purpose) -> dict[str, object]:
    return {
        "key": purpose.key,
        "necessary": purpose.is_necessary or purpose.key == NECESSARY,
        "sale_or_share": purpose.is_sale_or_share,
        "tracking": purpose.is_tracking,
        "data": sorted(purpose.data),
        "retention_days": purpose.retention_days,
    }


def _service_facts(service: Service) -> dict[str, object]:
    return {
        "key": service.key,
        "purposes": sorted(service.purposes),
        "owner": service.owner,
        "country": service.country,
        "role": service.role,
        "contract": service.has_contract,
        "cross_site": service.is_cross_site,
        "cookies": sorted(
            [item.name, item.match, item.lifetime_seconds or 0] for item in service.cookies
        ),
        "storage": sorted([key.kind, key.name, key.match] for key in service.storage),
        "hosts": sorted(
            [host.host, host.includes_subdomains, host.path_prefix] for host in service.hosts
        ),
        "collectors": sorted(service.collectors),
    }
