"""Owns the shape of ``consentgate.toml``: what may stand where, for pydantic and for editors.

Imported only when a policy is read.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from consentgate.domain.policy.interests import MOST_PROPERTIES
from consentgate.formats.urls.templates import TEMPLATE


def _printable(text: str) -> str:
    if any(ord(char) < 32 and char not in "\n\t" for char in text) or "\x7f" in text:
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("control characters and line breaks are not allowed")
    return text


COOKIE_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z?-]{1,200}$"
SLUG = r"^[a-z][a-z0-9_-]{0,39}$"
COUNTRY = r"^([A-Z]{2})?$"
ORIGIN = r"^https?://([a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
PATH_PATTERN = r"^/[A-Za-z0-9_~.:@!$&'()+,=%/-]*\*?$"
PROPERTY = r"^[a-z][a-z0-9_]{0,19}$"

Text = Annotated[str, AfterValidator(_printable)]
Line = Annotated[str, AfterValidator(_one_line)]
Slug = Annotated[str, Field(pattern=SLUG)]
Country = Annotated[str, Field(pattern=COUNTRY)]
ModelName = Literal["opt-in", "opt-out", "notice"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WordingTable(_Table):
    title: Line
    description: Text


class ControllerTable(_Table):
    """Who answers for the site."""

    name: Annotated[Line, Field(min_length=1)]
    address: Text = ""
    contact: Line = ""
    policy_url: Line = ""
    country: Country = ""


class SiteTable(_Table):
    """How the gate sits in the site."""

    prefix: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_~.-]+(/[A-Za-z0-9_~.-]+)*$")] = (
        "/privacy-choices"
    )
    token_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "choices"
    undeclared: Literal["block", "allow"] = "block"
    unknown_hosts: Literal["block", "report"] = "block"
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    same_party: list[Line] = []
    origins: list[Annotated[str, Field(pattern=ORIGIN)]] = []
    cache: Literal["per-visitor", "shared"] = "per-visitor"
    csp: Literal["enforce", "report-only", "off"] = "enforce"
    banner: Literal["card", "bottom", "dialog", "flow", "none"] = "card"
    consent_mode: bool = False
    personal_urls: Literal["pass", "block"] = "pass"
    strip_click_ids: bool = False
    clear_storage: bool = False
    eff_dnt_policy: Line = ""


class RegimesTable(_Table):
    """Which rules apply to whom."""

    fixed: Line = ""
    floor: Literal["", "opt-in", "opt-out", "notice"] = ""
    place_database: Line = ""
    country_header: Line = ""
    region_header: Line = ""
    trusted_proxies: list[Line] = []
    client_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "x-forwarded-for"
    follows_establishment: bool = True
    overrides: dict[str, dict[str, str | int | bool | dt.date]] = {}


class SignalsTable(_Table):
    """Which signals of the browser are honoured."""

    gpc: Literal["everywhere", "binding", "off"] = "everywhere"
    dnt: Literal["everywhere", "off"] = "everywhere"
    tk: Literal["answer", "always"] = "answer"


class LifetimesTable(_Table):
    """How long a choice holds."""

    grant_days: Annotated[int, Field(ge=1, le=400)] = 180
    refusal_days: Annotated[int, Field(ge=1, le=400)] = 180


Value = Annotated[Line, Field(min_length=1, max_length=40)]


class EventTable(_Table):
    """A sign of interest in a feature, and what may be said of it."""

    name: Slug
    properties: Annotated[
        dict[
            Annotated[str, Field(pattern=PROPERTY)],
            Annotated[list[Value], Field(min_length=1, max_length=50)],
        ],
        Field(max_length=MOST_PROPERTIES),
    ] = {}


class LogTable(_Table):
    """What the site log may remember."""

    directory: Line = ""
    fields: list[Line] = []
    signals_mode: Literal["operational", "drop", "as-none"] = "operational"
    access_log: Literal["mute", "minimise", "leave"] = "mute"
    durability: Literal["line", "batch"] = "line"
    query_fields: list[Line] | None = None
    routes: list[Annotated[str, Field(pattern=TEMPLATE)]] = []
    path_fields: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]] = []
    campaigns: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_. -]{0,63}$")]] = []
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$")] = "UTC"
    events: list[Slug | EventTable] = []
    event_retention_days: Annotated[int, Field(ge=1, le=396)] = 90
    count_retention_days: Annotated[int, Field(ge=1, le=760)] = 760
    max_megabytes: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    visitor_ttl_days: Annotated[int, Field(ge=1, le=30)] = 2
    ratchet_directory: Line = ""
    longitudinal: bool = False
    longitudinal_purpose: Slug = "recognition"
    security_directory: Line = ""
    security_public_key: Line = ""
    security_retention_days: Annotated[int, Field(ge=1, le=30)] = 7


class LedgerTable(_Table):
    """Where choices are proven."""

    url: Line = "sqlite:var/ledger.sqlite3"
    records_refusals: bool = True
    retention_days: int = Field(default=1_095, ge=1, le=36_500)
    spool: Line = ""


class WebhookTable(_Table):
    """Which other program is told of choices."""

    url: Annotated[
        str, Field(pattern=r"^(https://[^\s]+|http://(localhost|127\.0\.0\.1|\[::1\])[:/][^\s]*)?$")
    ] = ""
    kinds: list[Literal["grant", "change", "refuse", "withdraw", "signal"]] = [
        "withdraw",
        "refuse",
        "change",
        "signal",
    ]
    progress: Line = ""


ToolKey = Literal[
    "cc_cookie", "klaro", "orejime", "tarteaucitron", "c15t", "cookiebot", "onetrust", "tcf"
]


class MigrationTable(_Table):
    """What visitors told another consent tool."""

    cookie: Annotated[str, Field(pattern=r"^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200})?$")] = ""
    grants: bool = False
    since: dt.date | None = None
    purposes: dict[Line, Slug | list[Slug]] = {}


class PurposeTable(_Table):
    """Why data is used; the unit of consent."""

    title: Line = ""
    description: Text = ""
    texts: dict[str, WordingTable] = {}
    basis: Literal["consent", "strictly-necessary"] | None = None
    sale_or_share: bool | None = None
    tracking: bool | None = None
    barred_for_minors: bool | None = None
    data: list[Line] | None = None
    retention_days: Annotated[int, Field(ge=0)] | None = None


Lifetime = (
    Annotated[int, Field(ge=1)]
    | Annotated[str, Field(pattern=r"^[0-9]+ (second|minute|hour|day|week|month|year)s?$")]
)


class CookieTable(_Table):
    """One cookie, or a family of them."""

    name: Annotated[str, Field(pattern=COOKIE_NAME)]
    match: Literal["exact", "prefix", "glob"] | None = None
    lifetime: Lifetime | None = None
    domain: Annotated[str, Field(pattern=r"^\.?[a-z0-9.-]+$")] | None = None
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$")] = "/"
    partitioned: bool = False
    same_site: Literal["strict", "lax", "none"] | None = None
    description: Text = ""


class StorageTable(_Table):
    """One key of web storage."""

    kind: Literal["local", "session", "indexeddb", "cache"]
    name: Annotated[Line, Field(min_length=1)]
    match: Literal["exact", "prefix", "glob"] | None = None


CookieName = Annotated[str, Field(pattern=COOKIE_NAME)]


class ServiceTable(_Table):
    """A product the site embeds; the site itself is one too."""

    purposes: list[Slug] | None = None
    use: Slug | None = None
    name: Line | None = None
    description: Text | None = None
    texts: dict[str, WordingTable] = {}
    owner: Line | None = None
    country: Country | None = None
    transfer: Text | None = None
    policy_url: Line | None = None
    role: Literal["first-party", "processor", "third-party"] | None = None
    contract: bool | None = None
    cross_site: bool | None = None
    cookies: list[CookieName | CookieTable] | None = None
    storage: list[StorageTable] | None = None
    hosts: list[Line] | None = None
    sockets: list[Line] | None = None
    frames: Literal["any"] | None = None
    collectors: (
        list[Annotated[str, Field(pattern=r"^/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$")]] | None
    ) = None
    snippets: list[Line] | None = None
    learns: list[Line] | None = None


DATA_FIELD = (
    r"^(\*|(choice|events|receipts|services|visits|disclosures|requests|app)(\.[a-z_]{1,40})?)$"
)
ACT = r"^(\*|[a-z]{1,20}\.(\*|[a-z-]{1,20}))$"
DataField = Annotated[str, Field(pattern=DATA_FIELD)]


class RightsTable(_Table):
    """How visitors' requests are kept."""

    directory: Line = ""
    link_minutes: Annotated[int, Field(ge=1, le=1_440)] = 30


class RecipientTable(_Table):
    """Somebody outside who may be given data."""

    name: Annotated[Line, Field(min_length=1)]
    kind: Literal["processor", "third-party", "authority"]
    basis: Annotated[Line, Field(min_length=1)]
    fields: Annotated[list[DataField], Field(min_length=1)]
    country: Country = ""


class RoleTable(_Table):
    """What some of the operator's people may do."""

    users: Annotated[list[Annotated[Line, Field(min_length=1)]], Field(min_length=1)]
    acts: Annotated[list[Annotated[str, Field(pattern=ACT)]], Field(min_length=1)]
    purposes: Annotated[list[Slug], Field(min_length=1)]
    fields: list[DataField] = ["*"]


PathPattern = Annotated[str, Field(pattern=PATH_PATTERN)]


class PathTable(_Table):
    """What is otherwise on some paths."""

    use: Literal["fastapi-docs", "django-admin", "flower", "health"] | None = None
    match: PathPattern | Annotated[list[PathPattern], Field(min_length=1)] | None = None
    csp: Literal["enforce", "report-only", "off"] | None = None
    banner: Literal["none"] | None = None
    log: bool | None = None
    gate: bool | None = None
    unknown_hosts: Literal["block", "report"] | None = None


class AnnounceTable(_Table):
    """A material change to come (VER-03)."""

    effective: dt.date
    summary: Text


class PolicyTable(_Table):
    """The whole file."""

    version: Annotated[Line, Field(min_length=1, max_length=64)]
    effective: dt.date
    controller: ControllerTable
    site: SiteTable = SiteTable()
    regimes: RegimesTable = RegimesTable()
    signals: SignalsTable = SignalsTable()
    lifetimes: LifetimesTable = LifetimesTable()
    log: LogTable = LogTable()
    ledger: LedgerTable = LedgerTable()
    webhook: WebhookTable = WebhookTable()
    migration: dict[ToolKey, MigrationTable] = {}
    purpose: dict[Slug, PurposeTable] = {}
    service: dict[Slug, ServiceTable] = {}
    texts: dict[str, dict[str, Text]] = {}
    paths: list[PathTable] = []
    announce: AnnounceTable | None = None
    rights: RightsTable = RightsTable()
    recipient: dict[Slug, RecipientTable] = {}
    role: dict[Slug, RoleTable] = {}
