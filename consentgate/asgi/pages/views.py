"""Owns how a visit becomes what its pages show; markup that fails is left out, never the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from consentgate.asgi.faults import Faults
from consentgate.asgi.pages.announcement import news_for
from consentgate.asgi.pages.placeholders import Placeholders
from consentgate.asgi.pages.state import compact, short_state_of, state_of, would_signal_count
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.view import View
from consentgate.asgi.posts.same_origin import is_framed, safe_next
from consentgate.domain.policy.policy import Policy
from consentgate.formats.html.element import Held
from consentgate.formats.html.head import Opening
from consentgate.gates.answer import Answer
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.gates.pages.beacons import Hold
from consentgate.gates.pages.csp import is_binding

_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}")
"""What a host and port look like, whatever else a ``Host`` may hold."""


class Views:
    """What pages show of visits, and the markup that a page gets."""

    def __init__(
        self,
        policy: Policy,
        pages: Pages,
        faults: Faults,
        reports_interest: Callable[[Answer], bool],
        count_shown: Callable[[Answer, str], None],
    ) -> None:
        """Prepare.

        Args:
            policy: what the site declares.
            pages: renders.
            faults: is told what could not be drawn.
            reports_interest: whether the page of a visit tells which features are used.
            count_shown: is told of each page with the first layer, and of its language.
        """
        self._count_shown = count_shown
        self._policy = policy
        self._prefix = policy.site.prefix
        self._pages = pages
        self._placeholders = Placeholders(pages, policy)
        self._faults = faults
        self._reports_interest = reports_interest

    def view(
        self,
        visit: Answer,
        *,
        source: str = "banner",
        problem: str = "",
        needs: str = "",
        page_language: str = "",
    ) -> View:
        """What the pages need to know of a visit; ``page_language`` is the page's own (COL-14)."""
        request, visitor = visit.request, visit.visitor
        root = request.root_path + self._prefix
        is_shared = source == "banner" and visit.outcome.has_shared_pages
        outcome = visit.outcome.for_page if is_shared else visit.outcome
        is_ahead = source == "banner" and _is_ahead(outcome)
        is_read = request.method in ("GET", "HEAD")
        return View(
            language=self._pages.negotiate(
                self._asked(visit) if source == "banner" else request.header(b"accept-language"),
                page_language,
            ),
            regime=outcome.regime,
            decision=outcome.decision,
            choice=None if is_shared else outcome.choice,
            root=root,
            next=root if needs and request.method != "GET" else self._way_back(request.address),
            source=source,
            is_https=request.is_https,
            problem=problem,
            needs=needs,
            state="" if is_shared or is_ahead else _short_state(outcome),
            nonce=visit.nonce,
            is_bot=visitor.is_bot and not is_shared,
            is_framed=source == "banner" and not is_shared and is_framed(request),
            is_ahead=is_ahead,
            is_bound=source == "banner" and is_binding(outcome),
            is_sent=not is_read,
            reports_interest=self._reports_interest(visit),
            news=news_for(self._policy, visit, is_shared=is_shared),
        )

    def _way_back(self, address: str) -> str:
        """Where a choice leads back to: this page, without its query where that is too long."""
        return safe_next(address, "") or safe_next(address.partition("?")[0], self._prefix)

    def _asked(self, visit: Answer) -> str:
        """The languages that markup in a page may follow: none where caches share the page."""
        is_shared = visit.outcome.has_shared_pages
        return "" if is_shared else visit.request.header(b"accept-language")

    def on_page(self, visit: Answer) -> tuple[bytes, Opening, Hold | None]:
        """The markup that a page gets: for its head, right after ``<body>``, before held frames."""

        def opening(language: bytes, is_based: bool) -> bytes:
            if visit.use.has_placed or visit.outcome.plan.policy.site.banner == "none":
                return b""
            seen = self._rooted(view, visit) if is_based and view is not None else view
            return self.opening(visit, language.decode("ascii"), seen)

        def hold(held: Held, language: bytes, is_based: bool) -> bytes:
            return self._placeholder(visit, held, language.decode("ascii"), is_based=is_based)

        view = None
        try:
            view = self.view(visit)
            return self._pages.head(view), opening, hold
        except Exception:
            return self._failed(), b"", None

    def _rooted(self, view: View, visit: Answer) -> View:
        """The view with our addresses naming this host: the page's ``<base>`` names another."""
        host = visit.request.host
        return replace(view, root=f"//{host}{view.root}") if _HOST.fullmatch(host) else view

    def _placeholder(
        self, visit: Answer, held: Held, page_language: str, *, is_based: bool
    ) -> bytes:
        """What stands in for a held frame; never raises."""
        try:
            view = self.view(visit, page_language=page_language)
            return self._placeholders.draw(self._rooted(view, visit) if is_based else view, held)
        except Exception:
            self._faults.failed("placeholder", "a held frame is left out without a word")
            return b""

    def opening(self, visit: Answer, page_language: str = "", seen: View | None = None) -> bytes:
        """The first layer, or the way back, of one visit; never raises.

        Args:
            visit: whom it is for.
            page_language: the page's own, which wins (COL-14).
            seen: the visit's view for its page's head, if that was made.
        """
        try:
            view = seen or self.view(visit)
            language = self._pages.negotiate(self._asked(visit), page_language)
            if language != view.language:
                view = replace(view, language=language)
            if view.shape != "link":
                self._count_shown(visit, language)
            return self._pages.opening(view)
        except Exception:
            return self._failed()

    def _failed(self) -> bytes:
        self._faults.failed("page_markup", "the page is served without the first layer")
        return b""

    def state(self, visit: Answer, outcome: Outcome) -> Mapping[str, Any]:
        """The visitor's state for scripts and headless sites, under this or a later outcome."""
        language = self._pages.negotiate(visit.request.header(b"accept-language"))
        return state_of(
            self._policy,
            outcome.regime,
            outcome.decision,
            outcome.choice,
            notice=self._pages.notice(language, outcome.regime)[0],
            signal_counts=outcome is visit.outcome and would_signal_count(outcome),
        )


def _is_ahead(outcome: Outcome) -> bool:
    """Whether a page is fetched ahead where its visitor would be asked."""
    signals = outcome.signals
    is_silent = outcome.choice is None and outcome.regime.can_ask
    return signals.prefetch and is_silent and not signals.dnt


@once_per_outcome
def _short_state(outcome: Outcome) -> str:
    """The state that a page carries for the script."""
    return compact(
        short_state_of(
            outcome.plan.policy,
            outcome.decision,
            outcome.choice,
            signal_counts=would_signal_count(outcome),
        )
    )
