"""Owns the policy: what the operator declares, whole and immutable.

Never knows the file it came from; ``formats/policy/reader`` reads and checks it.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from types import MappingProxyType

from consentgate.domain.policy.access import Recipient, RightsSettings
from consentgate.domain.policy.access import Role as AccessRole
from consentgate.domain.policy.interests import Interest
from consentgate.domain.policy.paths import PathRule
from consentgate.domain.policy.purposes import SHIPPED, Purpose, Wording
from consentgate.domain.record import QUERY_FIELDS


class Match(enum.StrEnum):
    """How a declared name is compared; always case-sensitively (CKE-07)."""

    EXACT = "exact"
    PREFIX = "prefix"
    GLOB = "glob"


class Role(enum.StrEnum):
    """What the owner of a service is to the controller (TPD-06)."""

    FIRST_PARTY = "first-party"
    PROCESSOR = "processor"
    THIRD_PARTY = "third-party"


class StorageKind(enum.StrEnum):
    """Where in the browser a storage key lives (STO-13)."""

    LOCAL = "local"
    SESSION = "session"
    INDEXED_DB = "indexeddb"
    CACHE = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookiePattern:
    """One declared cookie, or a family of them."""

    name: str
    """The exact name, the prefix without its star, or the glob (``*``, ``?``)."""
    match: Match = Match.EXACT
    lifetime_seconds: int | None = None
    """Longest lifetime declared; None is a session cookie."""
    domain: str | None = None
    """``Domain`` attribute it is set with, where known: tried first when it is expired."""
    path: str = "/"
    """``Path`` attribute it is set with."""
    is_partitioned: bool = False
    """Set with ``Partitioned`` (CHIPS): only expired with it."""
    same_site: str = ""
    """``strict``, ``lax`` or ``none`` as it is set; empty where nobody says."""
    description: str = ""

    @property
    def is_cross_site(self) -> bool:
        """Whether browsers send it from pages of other sites too (CKE-16)."""
        return self.is_partitioned or self.same_site == "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageKey:
    """One declared key of web storage."""

    kind: StorageKind
    name: str
    match: Match = Match.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPattern:
    """Where a service is reached: ``host``, ``*.host``, either with a path prefix."""

    host: str
    """Lower-case ASCII (IDNA) host without port or trailing dot."""
    includes_subdomains: bool = False
    """True for ``*.host``: the host itself and everything below it."""
    path_prefix: str = "/"
    """Starts with ``/``; matches whole prefixes byte by byte. With a question mark it is a whole
    path, and behind it stands how a field of the query begins: ``/gtag/js?id=AW-``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A product the site embeds; the site itself is one too."""

    key: str
    purposes: tuple[str, ...]
    """At least one; all of them must be granted (STO-17)."""
    name: str = ""
    """Shown to visitors; a brand, so not translated. Empty shows the key."""
    description: str = ""
    translations: Mapping[str, Wording] = field(default_factory=lambda: MappingProxyType({}))
    owner: str = ""
    """The company that receives the data; empty is the controller."""
    country: str = ""
    """ISO 3166-1 code of where the owner processes (TPD-08)."""
    transfer: str = ""
    """Safeguard of a transfer to that country, in the operator's words."""
    policy_url: str = ""
    role: Role = Role.THIRD_PARTY
    has_contract: bool = False
    """A processor contract exists; without one a processor counts as a third party (TPD-06)."""
    is_cross_site: bool = False
    """Follows people over time and across sites (CalOPPA 22575(b)(6); TPD-03)."""
    cookies: tuple[CookiePattern, ...] = ()
    storage: tuple[StorageKey, ...] = ()
    hosts: tuple[HostPattern, ...] = ()
    sockets: tuple[HostPattern, ...] = ()
    """Where it is reached by WebSocket."""
    opens_frames: bool = False
    """It shows pages of others that nobody can list, such as a bank's in 3-D Secure: where it is
    granted, the second Content-Security-Policy lets frames of any host be."""
    collectors: tuple[str, ...] = ()
    """First-party paths that collect for this service: ``/collect``, ``/px.gif``, ``/gtm/*``."""
    snippets: tuple[str, ...] = ()
    """Plain strings that give its inline scripts away: ``gtag(``, ``fbq(``."""
    learns: tuple[str, ...] = ()
    """What the owner learns when it is loaded, in plain words (COL-24)."""

    @property
    def is_third_party(self) -> bool:
        """Whether its owner is nobody's servant: a processor is one by contract only (TPD-06)."""
        return self.role is Role.THIRD_PARTY or (
            self.role is Role.PROCESSOR and not self.has_contract
        )

    @property
    def is_shared(self) -> bool:
        """Whether using it sells or shares, whatever its purposes: GPC denies it (TPD-06)."""
        return self.is_third_party and self.is_cross_site

    @property
    def title(self) -> str:
        """The name a visitor reads."""
        return self.name or self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """Who answers for the site (COL-10, TPD-02)."""

    name: str
    address: str = ""
    contact: str = ""
    """E-mail address or URL where a person answers."""
    policy_url: str = ""
    country: str = ""
    """ISO code of the establishment; may set a floor (JUR-04)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """How the gate sits in the site."""

    prefix: str = "/privacy-choices"
    token_name: str = "choices"
    """Name of the token without ``__Host-``, which HTTPS adds."""
    undeclared: str = "block"
    """Cookies that nobody declared: ``block`` or ``allow``."""
    unknown_hosts: str = "block"
    """Third-party hosts in pages that nobody declared: ``block`` or ``report``."""
    language: str = "en"
    """Language of last resort."""
    same_party: tuple[str, ...] = ()
    """Hosts that belong to the controller: never third parties (TPD-05)."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may read the state and make choices: the site's own, where a proxy
    rewrites ``Host`` or a single-page app has a host of its own."""
    cache: str = "per-visitor"
    """``per-visitor`` or ``shared``: one gated page for everyone, restored by banner.js."""
    csp: str = "enforce"
    """The additive Content-Security-Policy: ``enforce``, ``report-only`` or ``off``."""
    banner: str = "card"
    """Position: ``card``, ``bottom``, ``dialog``, ``flow``; ``none``: the site places it itself."""
    consent_mode: bool = False
    """Tell Google's and Microsoft's tags what is granted, before any tag (INT-01)."""
    personal_urls: str = "pass"
    """Addresses of third parties in pages that name the visitor: ``pass`` or ``block`` (TPD-04)."""
    strip_click_ids: bool = False
    """Remove gclid, fbclid … from what the app sees where marketing is denied (STO-11)."""
    clear_storage: bool = False
    """Have browsers remove all storage and service workers of the site when a visitor withdraws."""
    eff_dnt_policy: str = ""
    """Path of the EFF DNT policy text the operator attests to; empty: not attested (SIG-31)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeSettings:
    """Which rules apply to whom."""

    fixed: str = ""
    """Regime code or model for everyone; empty resolves by place."""
    floor: str = ""
    """Least protective model allowed anywhere: ``opt-in``, ``opt-out`` or ``notice``."""
    overrides: Mapping[str, Mapping[str, object]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Regime code to fields that replace the shipped table's."""
    place_database: str = ""
    """Path of a MaxMind-format database; empty: no place, strictest."""
    country_header: str = ""
    """Header a trusted proxy states the country in, such as ``cf-ipcountry``."""
    region_header: str = ""
    """Header a trusted proxy states the subdivision in, such as ``cf-region-code``."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose forwarding headers are believed; ``unix`` for a Unix socket."""
    client_header: str = "x-forwarded-for"
    """The one header in which trusted proxies state the client's address."""
    follows_establishment: bool = True
    """The rules of the controller's country hold for every visitor too (JUR-04)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """Which signals of the browser are honoured; said to visitors as it is (SIG-34)."""

    gpc: str = "everywhere"
    """``everywhere``, ``binding`` (where the law obliges) or ``off``."""
    dnt: str = "everywhere"
    """``everywhere`` or ``off``."""
    tk: str = "answer"
    """``answer``: a page says ``Tk`` to a browser that sends ``DNT: 1``; ``always``: every
    response does, and the site-wide status is ``?``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long a choice holds, in days; a refusal at least as long as a grant (COL-26)."""

    grant_days: int = 180
    refusal_days: int = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What the site log may remember."""

    directory: str = ""
    """Where the site log is written; ``-``: on standard output; empty: nothing is written."""
    fields: tuple[str, ...] = ()
    """Names of record.FIELDS to keep; empty keeps all of each tier."""
    signals_mode: str = "operational"
    """Visits with GPC or DNT: ``operational``, ``drop`` or ``as-none``."""
    access_log: str = "mute"
    """The server's own access log: ``mute``, ``minimise`` or ``leave``."""
    durability: str = "line"
    """``line`` (one write a visit) or ``batch``."""
    query_fields: tuple[str, ...] = QUERY_FIELDS
    routes: tuple[str, ...] = ()
    """Templates such as ``/products/{id}`` for apps whose framework does not name its routes."""
    path_fields: tuple[str, ...] = ()
    """Fields of routes whose values a record's path may hold, scrubbed, such as ``slug``."""
    campaigns: tuple[str, ...] = ()
    """Values of ``utm_campaign`` that are counted by name without consent, lower case."""
    time_zone: str = "UTC"
    """Zone of the days and hours in reports, such as ``Europe/Oslo``; what is stored stays UTC."""
    events: tuple[Interest, ...] = ()
    """Declared signs of interest in features; no others are noted."""
    event_retention_days: int = 90
    """Rows older than that are summed up and deleted."""
    count_retention_days: int = 760
    """Sums older than that are deleted: 25 months."""
    max_megabytes: int = 0
    """Rows of the oldest days go earlier where all of them take more; 0: no limit."""
    visitor_ttl_days: int = 2
    """Rows older than that lose the day's visitor; they are counted first."""
    ratchet_directory: str = ""
    """Where the day's key lies, such as a folder in ``/run``; empty: with the site log."""
    is_longitudinal: bool = False
    """Tier T2: a subject key across days, with its own purpose."""
    longitudinal_purpose: str = "recognition"
    security_directory: str = ""
    security_public_key: str = ""
    """PEM file of the security officer's X25519 public key."""
    security_retention_days: int = 7

    @property
    def folder(self) -> str:
        """The folder of the site log; empty where there is none."""
        return "" if self.directory == "-" else self.directory


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Where choices are proven."""

    url: str = "sqlite:var/ledger.sqlite3"
    records_refusals: bool = True
    retention_days: int = 1_095
    """How long after a choice has ended its event is kept as proof: three years."""
    spool: str = ""
    """Folder for refusals that the ledger cannot take now; empty: beside it, then elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Which other program is told of choices (WDR-07)."""

    url: str = ""
    """Where to; empty: nobody is told."""
    kinds: tuple[str, ...] = ("withdraw", "refuse", "change", "signal")
    """Kinds of the ledger's events that it is told of."""
    progress: str = ""
    """File that says how far it has followed; empty: beside the ledger's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What visitors told another consent tool, taken over from its cookie."""

    cookie: str = ""
    """Name of its cookie; empty: the one it has by default."""
    counts_grants: bool = False
    """Whether what was granted there counts here; what was refused always does."""
    since: dt.date | None = None
    """When grants count as made whose cookie tells no moment; None: they do not count."""
    purposes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Its own keys to purposes and services of this policy."""


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A material change to come, told before it takes effect (VER-03)."""

    effective: dt.date
    summary: str
    """What will change, in the operator's words."""

    @cached_property
    def mark(self) -> str:
        """Names it in the cookie of who has read it: the same for everyone."""
        return hashlib.sha256(f"{self.effective}|{self.summary}".encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Everything the operator declares: whole, checked, versioned, hashed."""

    controller: Controller
    version: str
    """Label the operator gives, such as ``2026-11-01``."""
    effective: dt.date
    """The day it takes effect, shown on every notice (VER-08)."""
    purposes: tuple[Purpose, ...] = SHIPPED
    services: tuple[Service, ...] = ()
    site: SiteSettings = field(default_factory=SiteSettings)
    regimes: RegimeSettings = field(default_factory=RegimeSettings)
    signals: SignalSettings = field(default_factory=SignalSettings)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    log: LogSettings = field(default_factory=LogSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    migrations: Mapping[str, Migration] = field(default_factory=lambda: MappingProxyType({}))
    """Key of another consent tool to how its cookie is taken over."""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Language tag to text key to the site's own wording."""
    paths: tuple[PathRule, ...] = ()
    """What is otherwise on single paths, in the file's order: the first rule that says a thing
    counts."""
    announces: Announcement | None = None
    """A material change to come; None: none."""
    rights: RightsSettings = field(default_factory=RightsSettings)
    recipients: tuple[Recipient, ...] = ()
    """Who outside may be given a visitor's data."""
    roles: tuple[AccessRole, ...] = ()
    """Who may see visitors' data; none: whoever can read the files."""

    @cached_property
    def purpose_by_key(self) -> Mapping[str, Purpose]:
        """Every purpose under its key, in policy order."""
        return MappingProxyType({purpose.key: purpose for purpose in self.purposes})

    @cached_property
    def service_by_key(self) -> Mapping[str, Service]:
        """Every service under its key, in policy order."""
        return MappingProxyType({service.key: service for service in self.services})

    @cached_property
    def optional_purposes(self) -> tuple[Purpose, ...]:
        """What a visitor is asked about, in policy order."""
        return tuple(purpose for purpose in self.purposes if not purpose.is_necessary)

    def announced(self, today: dt.date) -> Announcement | None:
        """The change to come, until the day it takes effect."""
        change = self.announces
        return change if change is not None and today < change.effective else None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything declared, hexadecimal: the same content, the same hash."""
        text = json.dumps(_plain(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
