"""Owns the additional Content-Security-Policy: a second policy that only narrows hosts.

Several policies are all enforced (CSP3 8.1: "adding additional policies to the list of policies
to enforce can only further restrict"), so the app's own policy, with its nonces, hashes and
``strict-dynamic``, stays as it is and keeps its meaning. Never knows the app's policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from consentgate.domain.policy.policy import HostPattern, Service
from consentgate.formats.headers import Headers
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.memo import remember

ENFORCE = b"content-security-policy"
REPORT_ONLY = b"content-security-policy-report-only"
MAX_BYTES = 6_000
"""Longest policy that is sent: proxies commonly give a whole header 4 to 8 KB."""

_EVERYWHERE = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
"""Everything that names no host stays as the app allows it; ``default-src`` is what also covers
prefetch and preconnect (CSP3, "resource hints")."""
_ANY_FRAME = b"; frame-src * data: blob:"
"""Where a granted service shows pages of others that nobody can list."""
_HOST = re.compile(r"(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+")


@once_per_outcome
def blocking_csp(outcome: Outcome) -> bytes:
    """The policy that lets a page reach this site and permitted services, and nobody else.

    Also for bodies that cannot be rewritten (compressed, UTF-16): they are sent as they are,
    under this policy (STO-14).

    Returns:
        The value of a ``Content-Security-Policy`` field, without commas; empty where nothing
        is denied: neither to this visitor, nor to hosts that nobody declared.
    """
    holds_strangers = outcome.plan.policy.site.unknown_hosts == "block"
    is_needed = outcome.denied_purposes or holds_strangers
    return _policy(outcome, _granted(outcome)) if is_needed else b""


@once_per_outcome
def declared_csp(outcome: Outcome) -> bytes:
    """The policy for a page that everybody shares: every declared service may be reached.

    What single visitors denied is then inert in the page itself; this holds back what nobody
    declared.
    """
    return _policy(outcome, outcome.plan.policy.services)


def csp_headers(outcome: Outcome, root: str, *, is_readable: bool = True) -> Headers:
    """The header pairs that a page gets beside the app's own policy.

    Where nothing is denied and nobody's hosts pass, they are reported (TPD-01).

    Args:
        outcome: what this visitor permits; the strictest where caches share pages.
        root: address of the choices page, with the app's mount path.
        is_readable: whether denied beacons are inert in the page itself; a page where they are
            not is sent under the enforced policy, whatever the site chose (STO-14), and without
            DNS prefetching, which no policy covers.
    """
    mode = outcome.plan.policy.site.csp
    policy = declared_csp(outcome) if outcome.is_shared and is_readable else blocking_csp(outcome)
    if not is_readable and policy:
        return [(ENFORCE, with_reports(policy, root)), (b"x-dns-prefetch-control", b"off")]
    if mode == "off":
        return []
    name = ENFORCE if mode == "enforce" and policy else REPORT_ONLY
    return [(name, with_reports(policy or declared_csp(outcome), root))]


def is_binding(outcome: Outcome) -> bool:
    """Whether the page's policy outlasts a grant: only a new page may then reach more hosts."""
    is_enforced = outcome.plan.policy.site.csp == "enforce"
    return is_enforced and not outcome.has_shared_pages and bool(blocking_csp(outcome))


@remember(128)
def with_reports(policy: bytes, root: str) -> bytes:
    """Add where violations are reported: our own address, so nobody else learns of them.

    Args:
        policy: a policy without reports.
        root: address of the choices page, with the app's mount path.
    """
    return policy + b"; report-uri " + quote(root, safe="/-._~").encode() + b"/reports"


def _granted(outcome: Outcome) -> Iterator[Service]:
    denied = outcome.denied_services
    return (service for service in outcome.plan.policy.services if service.key not in denied)


def _policy(outcome: Outcome, services: Iterable[Service]) -> bytes:
    services = tuple(services)
    own = outcome.plan.policy.site.same_party
    frames = _ANY_FRAME if any(service.opens_frames for service in services) else b""
    for has_paths in (True, False):
        sources = dict.fromkeys([*_own(own), *_sources(services, has_paths=has_paths)])
        policy = b" ".join((_EVERYWHERE, *sources)) + frames
        if len(policy) <= MAX_BYTES:
            return policy
    return _widest(services, own) + frames


def _widest(services: Iterable[Service], own: Iterable[str]) -> bytes:
    """Very many permitted hosts: whole domains instead of their hosts, then any HTTPS host.

    A header that proxies refuse would take the page away from the visitor.
    """
    hosts = [pattern.host for service in services for pattern in service.hosts]
    domains = dict.fromkeys(".".join(host.split(".")[-2:]) for host in hosts)
    sources = [b"%s:*" % _in_header(name) for domain in domains for name in (domain, f"*.{domain}")]
    policy = b" ".join((_EVERYWHERE, *dict.fromkeys([*_own(own), *sources])))
    return policy if len(policy) <= MAX_BYTES else _EVERYWHERE + b" https: wss:"


def _own(names: Iterable[str]) -> Iterator[bytes]:
    for name in names:
        folded = name.strip().lower().rstrip(".")
        if _HOST.fullmatch(folded):
            yield _in_header(folded) + b":*"


def _sources(services: Iterable[Service], *, has_paths: bool) -> Iterator[bytes]:
    for service in services:
        for pattern in service.hosts:
            yield from _sources_of(pattern, has_paths=has_paths)
        for pattern in service.sockets:
            # a source without a scheme takes the page's own, which is never that of a WebSocket
            for source in _sources_of(pattern, has_paths=False):
                yield b"wss://" + source


def _sources_of(pattern: HostPattern, *, has_paths: bool) -> Iterator[bytes]:
    """Host sources for one pattern, on any port: a policy names hosts without ports.

    ``*.host`` in a CSP is only what lies below it, so the host itself is named too. A CSP path
    that ends in a slash is a prefix, another one is exact (CSP3 6.7.2.10).
    """
    names = [pattern.host, f"*.{pattern.host}"] if pattern.includes_subdomains else [pattern.host]
    prefix = pattern.path_prefix if has_paths else "/"
    for name in names:
        for path in _paths_of(prefix):
            yield _in_header(name) + b":*" + quote(path, safe="/-._~!$&'()*+=:@%").encode()


def _paths_of(prefix: str) -> list[str]:
    """What a policy can say of a path prefix; the folder it lies in where it ends within a name.

    ``/npm/vue@`` goes on with a version, which only ``/npm/`` covers.
    """
    if prefix == "/":
        return [""]
    if prefix.endswith("/"):
        return [prefix]
    if not prefix[-1].isalnum():
        return [prefix.rpartition("/")[0] + "/"]
    return [prefix, f"{prefix}/"]


def _in_header(host: str) -> bytes:
    return host.encode("ascii", "ignore")
