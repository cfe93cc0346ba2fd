"""Run the demo: ``python -m examples.fastapi_app``; ``PORT=`` changes the port."""

from __future__ import annotations

import os
import sys

import uvicorn

from examples.fastapi_app.app import POLICY, make_app
from examples.fastapi_app.standins import running


def main() -> int:
    """Serve the shop on loopback until it is interrupted."""
    os.environ.setdefault("CONSENTGATE_ENV", "development")
    port = os.environ.get("PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65_536:
        print(f"PORT={port}: expected a number from 1 to 65535", file=sys.stderr)
        return 2
    with running() as standins:
        app = make_app(standins.addresses)
        print(f"shop          http://127.0.0.1:{port}/")
        print(f"side by side  http://127.0.0.1:{port}/side-by-side")
        print(f"policy        {POLICY}")
        print("site log      var/log/live/")
        print("ledger        var/ledger.sqlite3", flush=True)
        uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="info")
    return 0


if __name__ == "__main__":
    sys.exit(main())
