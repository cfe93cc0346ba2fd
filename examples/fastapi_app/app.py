"""The shop behind its gate: ``python -m examples.fastapi_app`` or ``make demo``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from consentgate import Consent, ConsentGate, Policy, get_consent, require
from consentgate.asgi.startup.policy_file import load_policy
from examples.fastapi_app import pages
from examples.fastapi_app.shop import make_shop
from examples.fastapi_app.side_by_side import compare, rows

ConsentHere = Annotated[Consent, Depends(get_consent)]
POLICY = Path(__file__).with_name("consentgate.toml")


def make_app(hosts: Mapping[str, str], *, policy: Policy | None = None) -> FastAPI:
    """Make the shop and put the gate before it.

    Args:
        hosts: name of a third party to its ``host:port``.
        policy: another policy than ``consentgate.toml``.
    """
    loaded = policy or load_policy(POLICY)
    app = make_shop(hosts)
    bare = make_shop(hosts)

    @app.get("/side-by-side", response_class=HTMLResponse)
    async def side_by_side() -> str:
        off, on = await compare(bare, loaded, hosts)
        return pages.page(
            "The same visit twice",
            "<table><thead><tr><th></th><th scope=col>gate off</th><th scope=col>gate on, "
            f"no choice yet</th></tr></thead><tbody>{rows(off, on)}</tbody></table>",
            hosts,
        )

    @app.get("/recommendations")
    def recommendations(consent: ConsentHere) -> dict[str, object]:
        chosen = "picked for you" if consent.allows("statistics") else "the same for everyone"
        return {"teapots": [1, 3], "because": chosen}

    @app.get("/wishlist", dependencies=[Depends(require("functional"))])
    def wishlist() -> dict[str, object]:
        return {"teapots": [2]}

    app.add_middleware(ConsentGate, policy=loaded)
    return app
