"""Owns the policy file: TOML text to a checked Policy, or every fault in it at once.

Never reads files and never looks anything up: the catalogue of known services is an argument.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from consentgate.domain.policy.paths import PathRule
from consentgate.domain.policy.policy import (
    Announcement,
    Controller,
    CookiePattern,
    HostPattern,
    LedgerSettings,
    Lifetimes,
    Match,
    Policy,
    RegimeSettings,
    Role,
    Service,
    SignalSettings,
    SiteSettings,
    StorageKey,
    StorageKind,
)
from consentgate.domain.policy.purposes import NECESSARY, SHIPPED, Purpose, Wording
from consentgate.domain.regime_table import ROW_KEYS, row_problem
from consentgate.errors import Fault, PolicyError
from consentgate.formats.headers.forwarded import UNIX
from consentgate.formats.policy.access_settings import recipients, rights_settings, roles
from consentgate.formats.policy.expectations import (
    as_toml,
    expectation,
    is_noise,
    key_of,
    known_keys,
    meant,
)
from consentgate.formats.policy.habits import ledger_problem, regex_problem, secret_problem
from consentgate.formats.policy.line_numbers import Path, Places
from consentgate.formats.policy.log_settings import log_problems, log_settings
from consentgate.formats.policy.ready_paths import READY_PATHS
from consentgate.formats.policy.shape import (
    CookieTable,
    PathTable,
    PolicyTable,
    PurposeTable,
    ServiceTable,
    StorageTable,
)
from consentgate.formats.policy.wording import Texts, text_findings

Catalogue = Mapping[str, Mapping[str, Any]]
CATALOGUE_ONLY = frozenset(("aliases", "csp", "modes", "source", "checked"))
"""Keys of the catalogue that a policy has not: what people look up, and where it comes from."""

MAX_COOKIE_DAYS = 400
EFF_LOG_DAYS = 10
"""The EFF's DNT policy, 2.a: longest that a log of a visitor with DNT is kept."""
_HIDDEN_WORDS = ("cookie", "gdpr", "consent", "banner", "tracking", "cmp")
_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_629_800,
    "year": 31_557_600,
}
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")


def parse_policy(
    text: str,
    *,
    name: str = "consentgate.toml",
    catalogue: Catalogue | None = None,
    regimes: Collection[str] = (),
    texts: Texts = MappingProxyType({}),
) -> Policy:
    """Read and check a policy.

    Args:
        text: the file's content.
        name: how faults call the file.
        catalogue: known services by key, in the shape of a ``[service.x]`` table, for ``use``.
        regimes: codes that the shipped table of regimes has a row for; empty: not checked.
        texts: shipped texts by language, for the keys of ``[texts.x]``; empty: not checked.

    Raises:
        PolicyError: with every fault, each with its line, its id and how to mend it.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError((_syntax_fault(str(error), name, text),)) from error
    reader = _Reader(text, name, catalogue or {}, regimes, texts)
    table = reader.shaped(document)
    policy = reader.policy(table) if table is not None else None
    if policy is None or reader.faults:
        raise PolicyError(tuple(sorted(reader.faults, key=_line_of)))
    return policy


def _line_of(fault: Fault) -> int:
    found = re.search(r":(\d+):", fault.place)
    return int(found[1]) if found else 0


def _syntax_fault(message: str, name: str, text: str) -> Fault:
    """What is wrong, where; what is only noticed at the end is said of the last line."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = found[1] if found else str(text.count("\n", 0, len(text.rstrip())) + 1)
    what = message.partition(" (at")[0]
    return Fault("CG101", f"{name}:{line}:", f"is not valid TOML: {what}; mend it there")


class _Reader:
    """Turns checked tables into domain values and collects what is wrong."""

    def __init__(
        self,
        text: str,
        name: str,
        catalogue: Catalogue,
        regimes: Collection[str] = (),
        texts: Texts = MappingProxyType({}),
    ) -> None:
        self.faults: list[Fault] = []
        self._places = Places(text)
        self._name = name
        self._catalogue = catalogue
        self._regimes = regimes
        self._texts = texts

    def fault(self, fault_id: str, path: Path, message: str, *, word: str = "") -> None:
        """Note one fault at a key path; ``word`` finds the line inside an array."""
        places = self._places
        line = places.line_with(path, word) if word else places.line_of(path)
        table = ".".join(str(part) for part in path[: 2 if path[:1] in _NAMED else 1])
        where = f"{self._name}:{line}:" + (f" [{table}]" if table else "")
        self.faults.append(Fault(fault_id, where, message))

    def shaped(self, document: dict[str, Any]) -> PolicyTable | None:
        """Check the shape; what is wrong is noted and left out, so that the rest is checked too."""
        for _ in range(_MOST_ROUNDS):
            try:
                return PolicyTable.model_validate(document)
            except ValidationError as error:
                found = dict.fromkeys(self.take(error))
                for path, is_missing in reversed(found):  # so that places in lists stay right
                    _leave_out(document, path, is_missing)
        return None

    def take(self, error: ValidationError) -> Iterator[tuple[Path, bool]]:
        """Put pydantic's findings into our words; gives each path, and whether it is missing."""
        for detail in error.errors():
            path = tuple(part for part in detail["loc"] if not is_noise(part))
            is_table = isinstance(detail["input"], dict)
            is_either = path[-2:-1] in (("cookies",), ("events",))
            if is_either and detail["type"] == ("string_type" if is_table else "model_type"):
                continue  # the other half of "a name or a table"
            yield path, detail["type"] == "missing"
            key = key_of(path)
            kind, context = detail["type"], detail.get("ctx", {})
            if kind == "extra_forbidden" and (problem := secret_problem(key)):
                self.fault("CG151", path, problem)
            elif kind == "extra_forbidden":
                self.fault("CG102", path, f"{key}: unknown key{meant(key, known_keys(path))}")
            elif kind == "missing":
                self.fault("CG103", path[:-1], f"{key}: is missing; add it")
            else:
                self.fault("CG104", path, expectation(key, detail["input"], detail, context))

    def policy(self, table: PolicyTable) -> Policy:
        """Make the policy; faults are noted on the way."""
        purposes = tuple(self._purposes(table))
        known = {purpose.key for purpose in purposes}
        services = tuple(
            self._service(key, service, known) for key, service in table.service.items()
        )
        self._check_cookies(services)
        self._check_site(table)
        self._check_regimes(table)
        self._check_attestation(table)
        self._check_lifetimes(table)
        if problem := ledger_problem(table.ledger.url):
            self.fault("CG153", ("ledger", "url"), problem)
        for fault_id, key, message, word in log_problems(table.log, known):
            self.fault(fault_id, ("log", *key), message, word=word)
        for finding in text_findings(table, self._texts):
            self.fault(*finding)
        return Policy(
            controller=Controller(**dict(table.controller)),
            version=table.version,
            effective=table.effective,
            purposes=purposes,
            services=services,
            site=_site(table),
            regimes=RegimeSettings(
                **{
                    **dict(table.regimes),
                    "trusted_proxies": tuple(table.regimes.trusted_proxies),
                    "overrides": MappingProxyType(dict(table.regimes.overrides)),
                }
            ),
            signals=SignalSettings(**dict(table.signals)),
            lifetimes=Lifetimes(**dict(table.lifetimes)),
            log=log_settings(table.log),
            ledger=LedgerSettings(**dict(table.ledger)),
            texts=MappingProxyType({tag: dict(texts) for tag, texts in table.texts.items()}),
            paths=tuple(self._paths(table.paths)),
            announces=Announcement(**dict(table.announce)) if table.announce else None,
            rights=rights_settings(table),
            recipients=recipients(table.recipient),
            roles=roles(table.role),
        )

    def _purposes(self, table: PolicyTable) -> Iterator[Purpose]:
        shipped = {purpose.key: purpose for purpose in SHIPPED}
        for key, purpose in shipped.items():
            yield _purpose(key, table.purpose.get(key, PurposeTable()), purpose)
        for key, own in table.purpose.items():
            if key not in shipped:
                if not own.title or not own.description:
                    self.fault(
                        "CG105",
                        ("purpose", key),
                        "a purpose of your own needs a title and a description that says what "
                        "the data is used for",
                    )
                yield _purpose(key, own, Purpose(key=key))

    def _service(self, key: str, table: ServiceTable, known: set[str]) -> Service:
        path: Path = ("service", key)
        base = self._from_catalogue(key, table)
        own = {name: value for name, value in table if value is not None and name != "use"}
        merged = ServiceTable.model_validate({**base, **own}, strict=False)
        purposes = tuple(merged.purposes or ())
        if not purposes:
            self.fault("CG111", path, 'purposes: expected at least one, such as ["statistics"]')
        for purpose in purposes:
            if purpose not in known:
                hint = meant(purpose, sorted(known)) or f"; declare it as [purpose.{purpose}]"
                self.fault(
                    "CG110",
                    (*path, "purposes"),
                    f'purposes: "{purpose}" is not a purpose of this policy{hint}',
                )
        return Service(
            key=key,
            purposes=tuple(purpose for purpose in purposes if purpose in known),
            name=merged.name or "",
            description=merged.description or "",
            translations=_wordings(merged.texts),
            owner=merged.owner or "",
            country=merged.country or "",
            transfer=merged.transfer or "",
            policy_url=merged.policy_url or "",
            role=Role(merged.role or "third-party"),
            has_contract=bool(merged.contract),
            is_cross_site=bool(merged.cross_site),
            cookies=tuple(self._cookies(path, merged.cookies or ())),
            storage=tuple(self._storage(path, merged.storage or ())),
            hosts=tuple(self._hosts(path, merged.hosts or ())),
            sockets=tuple(self._hosts(path, merged.sockets or (), key="sockets")),
            opens_frames=merged.frames == "any",
            collectors=tuple(merged.collectors or ()),
            snippets=tuple(merged.snippets or ()),
            learns=tuple(merged.learns or ()),
        )

    def _storage(self, path: Path, items: Sequence[StorageTable]) -> Iterator[StorageKey]:
        for item in items:
            if problem := regex_problem("storage", item.name):
                self.fault("CG152", (*path, "storage"), problem, word=item.name)
            yield StorageKey(
                kind=StorageKind(item.kind),
                name=item.name.rstrip("*"),
                match=_storage_match(item.name),
            )

    def _from_catalogue(self, key: str, table: ServiceTable) -> Mapping[str, Any]:
        if table.use is None:
            return {}
        entry = self._catalogue.get(table.use) or self._catalogue.get(self._aliased(table.use))
        if entry is None:
            self.fault(
                "CG122",
                ("service", key, "use"),
                f'use = "{table.use}": no known service of that key'
                f"{meant(table.use, sorted(self._catalogue))}; consentgate services WORD looks "
                "for one",
            )
            return {}
        return {name: value for name, value in entry.items() if name not in CATALOGUE_ONLY}

    def _aliased(self, word: str) -> str:
        """The key of the service that goes by another name, too; empty: none does."""
        named = (key for key, entry in self._catalogue.items() if word in entry.get("aliases", ()))
        return next(named, "")

    def _cookies(self, path: Path, items: Sequence[str | CookieTable]) -> Iterator[CookiePattern]:
        for item in items:
            cookie = CookieTable(name=item) if isinstance(item, str) else item
            match = Match(cookie.match) if cookie.match else _match_of(cookie.name)
            has_wildcard = "*" in cookie.name or "?" in cookie.name
            if match is Match.EXACT and has_wildcard:
                self.fault(
                    "CG121",
                    (*path, "cookies"),
                    f'cookie "{cookie.name}" has a star but match = "exact"; expected a plain '
                    'name; did you mean match = "prefix"?',
                    word=cookie.name,
                )
            name = cookie.name.removesuffix("*") if match is Match.PREFIX else cookie.name
            if match is Match.PREFIX and ("*" in name or "?" in name or not name):
                self.fault(
                    "CG123",
                    (*path, "cookies"),
                    f'cookie "{cookie.name}": a prefix is plain text, with one star at its end '
                    'at most; did you mean match = "glob"?',
                    word=cookie.name,
                )
            if problem := regex_problem("cookie", cookie.name):
                self.fault("CG152", (*path, "cookies"), problem, word=cookie.name)
            seconds = _seconds(cookie.lifetime)
            if seconds is not None and seconds > MAX_COOKIE_DAYS * 86_400:
                self.fault(
                    "CG116",
                    (*path, "cookies"),
                    f'cookie "{cookie.name}" lives {seconds // 86_400} days; browsers keep none '
                    f"longer than {MAX_COOKIE_DAYS}; shorten its lifetime",
                    word=cookie.name,
                )
            yield CookiePattern(
                name=name,
                match=match,
                lifetime_seconds=seconds,
                domain=cookie.domain,
                path=cookie.path,
                is_partitioned=cookie.partitioned,
                same_site=cookie.same_site or "",
                description=cookie.description,
            )

    def _hosts(self, path: Path, items: Sequence[str], key: str = "hosts") -> Iterator[HostPattern]:
        for item in items:
            has_star = item.startswith("*.")
            host, slash, rest = item.removeprefix("*.").partition("/")
            try:
                ascii_host = host.rstrip(".").lower().encode("idna").decode()
            except UnicodeError:
                ascii_host = ""
            if not _HOST.fullmatch(ascii_host):
                self.fault(
                    "CG114",
                    (*path, key),
                    f'host "{item}": expected a host such as "www.example.com", '
                    '"*.example.com" or "example.com/path/", without scheme and port',
                    word=item,
                )
                continue
            yield HostPattern(
                host=ascii_host,
                includes_subdomains=has_star,
                path_prefix="/" + rest if slash else "/",
            )

    def _paths(self, tables: Sequence[PathTable]) -> Iterator[PathRule]:
        for number, table in enumerate(tables):
            own = {name: value for name, value in table if value is not None and name != "use"}
            merged = PathTable.model_validate({**READY_PATHS.get(table.use or "", {}), **own})
            if merged.match is None:
                message = (
                    'match: is missing; name paths, such as "/admin/*", or use = "fastapi-docs"'
                )
                self.fault("CG146", ("paths", number), message)
                continue
            yield PathRule(
                match=(merged.match,) if isinstance(merged.match, str) else tuple(merged.match),
                csp=merged.csp or "",
                banner=merged.banner or "",
                unknown_hosts=merged.unknown_hosts or "",
                is_logged=merged.log,
                is_gated=merged.gate,
            )

    def _check_cookies(self, services: Sequence[Service]) -> None:
        keepers: dict[tuple[str, Match], str] = {}
        for service in services:
            for pattern in service.cookies:
                keeper = keepers.setdefault((pattern.name, pattern.match), service.key)
                if keeper != service.key:
                    self.fault(
                        "CG113",
                        ("service", service.key, "cookies"),
                        f'cookie "{pattern.name}" already belongs to [service.{keeper}]; '
                        "a name has one keeper: remove it from one of them",
                        word=pattern.name,
                    )

    def _check_site(self, table: PolicyTable) -> None:
        site = table.site
        hidden = [word for word in _HIDDEN_WORDS if word in site.prefix.lower()]
        if hidden:
            self.fault(
                "CG120",
                ("site", "prefix"),
                f'prefix = "{site.prefix}" contains "{hidden[0]}", which ad-block lists hide; '
                'choose another word, such as "/privacy-choices"',
            )
        for key, service in table.service.items():
            names = [item if isinstance(item, str) else item.name for item in service.cookies or ()]
            token = site.token_name
            for taken in (token, f"{token}_once", f"__Host-{token}", f"__Host-{token}_once"):
                if taken in names:
                    self.fault(
                        "CG124",
                        ("service", key, "cookies"),
                        f'cookie "{taken}" is the name of the token; '
                        "rename one of them ([site] token_name)",
                        word=taken,
                    )

    def _check_attestation(self, table: PolicyTable) -> None:
        """What the EFF's policy promises must hold here (SIG-32, SIG-33)."""
        if not table.site.eff_dnt_policy:
            return
        for path, given, expected in (
            (("site", "undeclared"), table.site.undeclared, "block"),
            (("log", "signals_mode"), table.log.signals_mode, "drop"),
            (("signals", "dnt"), table.signals.dnt, "everywhere"),
        ):
            if given != expected:
                self.fault(
                    "CG129",
                    path,
                    f'{path[1]} = "{given}": [site] eff_dnt_policy promises visitors with DNT '
                    f'more; expected "{expected}"',
                )
        days = table.log.security_retention_days
        if days > EFF_LOG_DAYS:
            self.fault(
                "CG129",
                ("log", "security_retention_days"),
                f"security_retention_days = {days}: [site] eff_dnt_policy allows at most "
                f"{EFF_LOG_DAYS}",
            )

    def _check_regimes(self, table: PolicyTable) -> None:
        regimes = table.regimes
        if regimes.fixed and not re.fullmatch(
            r"opt-in|opt-out|notice|[A-Z]{2}(-[A-Z0-9]{1,3})?", regimes.fixed
        ):
            self.fault(
                "CG119",
                ("regimes", "fixed"),
                f'fixed = "{regimes.fixed}": expected opt-in, opt-out, notice or a place such '
                f'as "DE" or "US-CA"{meant(regimes.fixed, ["opt-in", "opt-out", "notice"])}',
            )
        for network in regimes.trusted_proxies:
            try:
                if network != UNIX:
                    ipaddress.ip_network(network)
            except ValueError:
                self.fault(
                    "CG117",
                    ("regimes", "trusted_proxies"),
                    f'trusted_proxies: "{network}" is not a network; expected CIDR such as '
                    '"10.0.0.0/8" or "::1/128"',
                )
        for name in ("country_header", "region_header"):
            if getattr(regimes, name) and not regimes.trusted_proxies:
                self.fault(
                    "CG118",
                    ("regimes", name),
                    f"{name} is believed from trusted proxies only, and there are none; "
                    'name them: trusted_proxies = ["…"]',
                )
        for code, facts in regimes.overrides.items():
            self._check_override(code, facts)

    def _check_override(self, code: str, facts: Mapping[str, object]) -> None:
        path: Path = ("regimes", "overrides", code)
        if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3}|-\*)?", code):
            self.fault(
                "CG125", path, f'overrides: "{code}": expected a place such as "DE" or "US-CA"'
            )
        for key, value in facts.items():
            problem = row_problem(key, value)
            if problem:
                hint = meant(key, ROW_KEYS) if key not in ROW_KEYS else ""
                self.fault("CG126", (*path, key), f"{key} = {as_toml(value)}: {problem}{hint}")
        if "model" not in facts and self._regimes and code not in self._regimes:
            self.fault(
                "CG127",
                path,
                f'overrides: "{code}" has no row of its own to change; say its model too: '
                'model = "opt-in"',
            )

    def _check_lifetimes(self, table: PolicyTable) -> None:
        lifetimes = table.lifetimes
        if lifetimes.refusal_days < lifetimes.grant_days:
            self.fault(
                "CG115",
                ("lifetimes", "refusal_days"),
                f"refusal_days = {lifetimes.refusal_days} is less than grant_days = "
                f"{lifetimes.grant_days}; a refusal is remembered at least as long (COL-26)",
            )


_MOST_ROUNDS = 4
_PLACEHOLDERS: Mapping[str, Any] = {
    "version": "0",
    "effective": dt.date(2000, 1, 1),
    "controller": {"name": "?"},
    "name": "?",
    "title": "?",
    "description": "?",
    "summary": "?",
    "kind": "local",
}
"""Stand in for what is missing while the rest of the file is checked; never part of a policy."""


def _leave_out(document: dict[str, Any], path: Path, is_missing: bool) -> None:
    node: Any = document
    for part in path[:-1]:
        node = node[part]
    key: Any = path[-1]
    if is_missing or key in _PLACEHOLDERS:
        node[key] = _PLACEHOLDERS.get(str(key), "?")
    elif isinstance(node, list):
        del node[key]
    else:
        node.pop(key, None)


_NAMED = (("service",), ("purpose",), ("texts",), ("recipient",), ("role",))


def _match_of(name: str) -> Match:
    body = name.removesuffix("*")
    if "*" in body or "?" in body:
        return Match.GLOB
    return Match.EXACT if body == name else Match.PREFIX


def _site(table: PolicyTable) -> SiteSettings:
    site = table.site
    lists = {"same_party": tuple(site.same_party), "origins": tuple(site.origins)}
    return SiteSettings(**{**dict(site), **lists})


def _storage_match(name: str) -> Match:
    return Match.PREFIX if name.endswith("*") else Match.EXACT


def _seconds(lifetime: int | str | None) -> int | None:
    if lifetime is None or isinstance(lifetime, int):
        return lifetime
    count, _, unit = lifetime.partition(" ")
    return int(count) * _UNITS[unit.removesuffix("s")]


def _wordings(texts: Mapping[str, Any]) -> Mapping[str, Wording]:
    return MappingProxyType(
        {tag: Wording(table.title, table.description) for tag, table in texts.items()}
    )


def _purpose(key: str, table: PurposeTable, base: Purpose) -> Purpose:
    def or_base(value: bool | None, fallback: bool) -> bool:
        return fallback if value is None else value

    has_words = table.title or table.description
    wording = Wording(table.title, table.description) if has_words else base.wording
    return Purpose(
        key=key,
        wording=wording,
        translations=_wordings(table.texts),
        is_necessary=key == NECESSARY or table.basis == "strictly-necessary",
        is_sale_or_share=or_base(table.sale_or_share, base.is_sale_or_share),
        is_tracking=or_base(table.tracking, base.is_tracking),
        is_barred_for_minors=or_base(table.barred_for_minors, base.is_barred_for_minors),
        data=tuple(table.data or base.data),
        retention_days=table.retention_days or base.retention_days,
    )
