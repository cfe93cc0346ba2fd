"""The policy file: every mistake at once, each with its line, its id and how to mend it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from consentgate.asgi.startup.policy_file import load_catalogue, load_policy, load_regimes
from consentgate.cli.schema import policy_schema
from consentgate.domain.policy.interests import Interest
from consentgate.domain.policy.policy import Match, Policy, Role
from consentgate.errors import PolicyError
from consentgate.formats.policy.reader import parse_policy

ROOT = Path(__file__).parents[2]
HEAD = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, catalogue=load_catalogue(), regimes=load_regimes()["regime"])
    return [str(fault) for fault in caught.value.faults]


def parsed(text: str) -> Policy:
    return parse_policy(HEAD + text, catalogue=load_catalogue())


ONE_FAULT = [
    ("CG101", "version = \n", "consentgate.toml:1: is not valid TOML"),
    (
        "CG102",
        HEAD + "adress = 'x'\n",
        ':5: [controller] adress: unknown key; did you mean "address"?',
    ),
    ("CG103", "effective = 2026-11-01\n[controller]\nname = 'x'\n", "version: is missing"),
    (
        "CG104",
        HEAD + "[site]\nundeclared = 'blok'\n",
        ':6: [site] undeclared = "blok": expected block, allow; did you mean "block"?',
    ),
    (
        "CG104",
        HEAD + "[site]\nprefix = 'privacy'\n",
        ':6: [site] prefix = "privacy": expected text of the form',
    ),
    (
        "CG104",
        HEAD + "[service.x]\npurposes = ['statistics']\ncookies = ['a b']\n",
        'cookies[0] = "a b": expected a cookie name',
    ),
    (
        "CG104",
        HEAD + "[purpose.statistics]\nbasis = 'legitimate_interest'\n",
        "expected consent, strictly-necessary",
    ),
    (
        "CG104",
        HEAD + '[purpose.statistics]\ntitle = "a\\r\\nx: y"\n',
        "control characters and line breaks are not allowed",
    ),
    (
        "CG105",
        HEAD + "[purpose.research]\ntitle = 'Research'\n",
        "a purpose of your own needs a title and a description",
    ),
    (
        "CG110",
        HEAD + "[service.x]\npurposes = ['statistic']\n",
        ':6: [service.x] purposes: "statistic" is not a purpose of this policy; did you mean "statistics"?',
    ),
    ("CG111", HEAD + "[service.x]\nname = 'X'\n", "purposes: expected at least one"),
    (
        "CG113",
        HEAD
        + "[service.a]\npurposes=['statistics']\ncookies=['u']\n[service.b]\npurposes=['marketing']\ncookies=['u']\n",
        'cookie "u" already belongs to [service.a]',
    ),
    (
        "CG114",
        HEAD + "[service.x]\npurposes=['statistics']\nhosts=['https://x.example']\n",
        'host "https://x.example": expected a host such as',
    ),
    (
        "CG115",
        HEAD + "[lifetimes]\nrefusal_days = 30\n",
        "refusal_days = 30 is less than grant_days = 180",
    ),
    (
        "CG116",
        HEAD + "[service.x]\npurposes=['statistics']\ncookies=[{name='u', lifetime='2 years'}]\n",
        'cookie "u" lives 730 days',
    ),
    (
        "CG117",
        HEAD + "[regimes]\ntrusted_proxies = ['10.0.0.0/99']\n",
        '"10.0.0.0/99" is not a network',
    ),
    (
        "CG118",
        HEAD + "[regimes]\ncountry_header = 'cf-ipcountry'\n",
        "believed from trusted proxies only",
    ),
    (
        "CG119",
        HEAD + "[regimes]\nfixed = 'optin'\n",
        'fixed = "optin": expected opt-in, opt-out, notice',
    ),
    (
        "CG120",
        HEAD + "[site]\nprefix = '/cookie-settings'\n",
        'contains "cookie", which ad-block lists hide',
    ),
    (
        "CG121",
        HEAD
        + "[service.x]\npurposes=['statistics']\ncookies=[\n  'ok',\n  {name='sid*', match='exact'},\n]\n",
        ':9: [service.x] cookie "sid*" has a star but match = "exact"',
    ),
    ("CG122", HEAD + "[service.x]\nuse = 'google-analytic'\n", 'did you mean "google-analytics"?'),
    (
        "CG123",
        HEAD + "[service.x]\npurposes=['statistics']\ncookies=[{name='a*b', match='prefix'}]\n",
        "a prefix is plain text",
    ),
    (
        "CG124",
        HEAD + "[service.x]\npurposes=['statistics']\ncookies=['choices']\n",
        'cookie "choices" is the name of the token',
    ),
    (
        "CG125",
        HEAD + "[regimes.overrides.Germany]\nmodel = 'opt-in'\n",
        'overrides: "Germany": expected a place such as "DE" or "US-CA"',
    ),
    (
        "CG126",
        HEAD + "[regimes.overrides.DE]\nminor_agee = 16\n",
        ":6: [regimes] minor_agee = 16: expected one of model",
    ),
    (
        "CG126",
        HEAD + "[regimes.overrides.DE]\nmodel = 'optin'\n",
        "model = optin: expected opt-in, opt-out, notice",
    ),
    (
        "CG127",
        HEAD + "[regimes.overrides.QM]\nminor_age = 16\n",
        '"QM" has no row of its own to change',
    ),
]


@pytest.mark.parametrize(
    ("fault_id", "text", "words"), ONE_FAULT, ids=[f"{c[0]}-{n}" for n, c in enumerate(ONE_FAULT)]
)
@pytest.mark.requirement("COL-12", "COL-26", "SEC-05")
def test_each_fault_is_named(fault_id: str, text: str, words: str) -> None:
    """Its id, its line, what is wrong and what to do."""
    found = [fault for fault in faults(text) if fault.endswith(f"[{fault_id}]")]
    assert any(words in fault for fault in found), faults(text)


def test_every_mistake_is_reported_at_once() -> None:
    """Shape and meaning are checked in one go, in the order of the file."""
    text = HEAD.replace('name = "Shop"', 'nam = "Shop"') + (
        "[site]\nundeclared = 'no'\n[service.x]\npurposes = ['nothing']\nhosts = ['a b']\n"
    )
    found = faults(text)
    assert [fault.rpartition("[")[2] for fault in found] == [
        "CG103]",
        "CG102]",
        "CG104]",
        "CG110]",
        "CG114]",
    ]


def test_every_fault_id_is_explained() -> None:
    """docs/policy.md says of each how to mend it."""
    manual = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    for fault_id in {"CG100", *(case[0] for case in ONE_FAULT)}:
        assert fault_id in manual


@pytest.mark.requirement("CKE-07")
def test_names_are_exact_prefix_or_glob() -> None:
    """A star at the end is a prefix, elsewhere a glob."""
    policy = parsed(
        "[service.x]\npurposes=['statistics']\ncookies=['sid', 'ga_*', '_hj*x', 'a?']\n"
    )
    kinds = [(item.name, item.match) for item in policy.services[0].cookies]
    assert kinds == [
        ("sid", Match.EXACT),
        ("ga_", Match.PREFIX),
        ("_hj*x", Match.GLOB),
        ("a?", Match.GLOB),
    ]


def test_a_known_service_brings_its_facts() -> None:
    """``use`` takes over the catalogue's entry; the policy's own keys win."""
    policy = parsed("[service.ga]\nuse = 'google-analytics'\nowner = 'Me'\n")
    service = policy.services[0]
    assert (service.name, service.owner, service.purposes) == (
        "Google Analytics",
        "Me",
        ("statistics",),
    )
    assert any(host.host == "google-analytics.com" for host in service.hosts)


def test_the_whole_catalogue_is_valid() -> None:
    """Every shipped service can be used as it stands."""
    for key in load_catalogue():
        service = parsed(f"[service.{key}]\nuse = '{key}'\n").services[0]
        assert service.hosts or service.cookies
        assert service.learns or service.role is Role.FIRST_PARTY, key


def test_hosts_are_read_as_browsers_write_them() -> None:
    """IDNA, lower case, subdomains, path prefixes."""
    policy = parsed(
        "[service.x]\npurposes=['marketing']\nhosts=['*.Bücher.example', 'a.example/p/']\n"
    )
    hosts = [(h.host, h.includes_subdomains, h.path_prefix) for h in policy.services[0].hosts]
    assert hosts == [("xn--bcher-kva.example", True, "/"), ("a.example", False, "/p/")]


def test_shipped_purposes_exist_and_can_be_changed() -> None:
    """A ``[purpose.x]`` table overrides a shipped purpose or adds one."""
    policy = parsed(
        "[purpose.statistics]\ntracking = false\n"
        "[purpose.research]\ntitle='Research'\ndescription='To study how teapots are chosen.'\n"
    )
    assert [purpose.key for purpose in policy.purposes] == [
        "necessary",
        "functional",
        "statistics",
        "marketing",
        "research",
    ]
    assert not policy.purpose_by_key["statistics"].is_tracking


def test_same_content_same_hash() -> None:
    """Comments and order of tables do not matter, content does."""
    one = parsed("[site]\nundeclared='allow'\n[lifetimes]\ngrant_days=90\n")
    two = parsed("[lifetimes]\ngrant_days = 90 # days\n[site]\nundeclared='allow'\n")
    assert one.hash == two.hash
    assert one.hash != parsed("").hash


def test_the_shipped_schema_is_fresh_and_takes_the_demo_policy() -> None:
    """Editors check against the same shape as the gate."""
    shipped = json.loads((ROOT / "consentgate/data/policy.schema.json").read_text("utf-8"))
    assert shipped == json.loads(json.dumps(policy_schema(), sort_keys=True))
    text = (ROOT / "examples/fastapi_app/consentgate.toml").read_text("utf-8")
    document = json.loads(json.dumps(tomllib.loads(text), default=str))
    jsonschema.validate(document, shipped)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """CG100 names the path and the command."""
    with pytest.raises(PolicyError, match=r"cannot be read.*consentgate init.*CG100"):
        load_policy(tmp_path / "none.toml")


def test_events_are_a_closed_set() -> None:
    """A name alone, or a table with at most three properties and the values they may have."""
    policy = parse_policy(
        HEAD + "[log]\n"
        'events = ["pricing", { name = "export_clicked", properties = { plan = ["free", "pro"] } }]'
    )
    assert policy.log.events == (
        Interest(name="pricing"),
        Interest(name="export_clicked", properties={"plan": ("free", "pro")}),
    )


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ('["a", "a"]', '"a" stands twice; leave it once [CG130]'),
        ('[{ name = "a", properties = { seen = ["x"] } }]', "call it by another name [CG131]"),
        ('["Bad Name"]', 'events[0] = "Bad Name": expected a key of lower-case letters'),
        ('[{ name = "a", properties = { "B-c" = ["x"] } }]', 'B-c = "B-c": expected a property of'),
        ('[{ name = "a", propertis = {} }]', "propertis: unknown key"),
        (
            '[{ name = "a", properties = { a=["1"], b=["1"], c=["1"], d=["1"] } }]',
            "at most 3 items",
        ),
        ("[7]", "events[0] = 7"),
    ],
)
def test_wrong_events_are_one_fault_each(events: str, found: str) -> None:
    """Each is said once, with its line and what was expected."""
    with pytest.raises(PolicyError) as raised:
        parse_policy(f"{HEAD}[log]\nevents = {events}")
    (fault,) = raised.value.faults
    assert found in str(fault)
    assert f":{HEAD.count(chr(10)) + 2}:" in fault.place


@pytest.mark.requirement("VER-03", "CKE-16")
def test_announcements_and_cookies_that_cross_sites() -> None:
    """A date and a summary; ``same_site`` is one of three words."""
    text = """[announce]
effective = 2026-12-01
summary = "More adverts."
[service.x]
purposes = ["marketing"]
cookies = [{ name = "x", same_site = "none" }, "y"]
"""
    policy = parsed(text)
    assert policy.announces is not None
    assert (str(policy.announces.effective), policy.announces.summary) == (
        "2026-12-01",
        "More adverts.",
    )
    assert [item.is_cross_site for item in policy.services[0].cookies] == [True, False]
    (fault,) = faults(HEAD + text.replace('"none"', '"off"'))
    assert "expected strict, lax, none" in fault
    (fault,) = faults(HEAD + "[announce]\nsummary = 'x'\n")
    assert "effective: is missing" in fault


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('fields = ["rout"]', 'did you mean "route"? [CG136]'),
        ("longitudinal = true", "declare [purpose.recognition] with title"),
        ("event_retention_days = 397", "less than or equal to 396"),
    ],
)
def test_the_log_keeps_to_its_fields_and_limits(line: str, found: str) -> None:
    """A misspelt field, a purpose that nobody is asked for, rows for more than 13 months."""
    with pytest.raises(PolicyError) as raised:
        parse_policy(f"{HEAD}[log]\n{line}")
    (fault,) = raised.value.faults
    assert found in str(fault)


ACCESS = """
[rights]
directory = "var/rights"
link_minutes = 5
[recipient.lawyer]
name = "Law & Co"
kind = "third-party"
basis = "GDPR 6(1)(f)"
fields = ["events", "visits.route"]
[role.support]
users = ["ann"]
acts = ["rights.*", "report.read"]
purposes = ["request", "quality"]
"""


def test_who_may_see_and_be_given_data_is_declared() -> None:
    """Recipients and roles come in the order of the file, whole."""
    policy = parse_policy(HEAD + ACCESS)
    (lawyer,), (support,) = policy.recipients, policy.roles
    assert (policy.rights.directory, policy.rights.link_minutes) == ("var/rights", 5)
    assert (lawyer.key, lawyer.kind, lawyer.fields) == (
        "lawyer", "third-party", ("events", "visits.route"),
    )  # fmt: skip
    assert (support.key, support.users, support.fields) == ("support", ("ann",), ("*",))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"visits.route"]', '"address"]'),
        ("third-party", "friend"),
        ('"rights.*"', '"everything"'),
        ('basis = "GDPR 6(1)(f)"\n', ""),
        ("link_minutes = 5", "link_minutes = 5000"),
        ('users = ["ann"]', "users = []"),
    ],
)
def test_a_wrong_recipient_or_role_is_a_fault(before: str, after: str) -> None:
    """Unknown parts, kinds and commands; a missing ground; a role of nobody."""
    with pytest.raises(PolicyError):
        parse_policy(HEAD + ACCESS.replace(before, after))
