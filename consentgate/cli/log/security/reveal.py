"""``consentgate log reveal``: lifts one pseudonym of the security log, audited first."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import json
import os
from pathlib import Path

from consentgate.cli.opening import add_policy, passphrase_of, security_of
from consentgate.errors import SettingError
from consentgate.log.security.revealing import plain_token, reveal
from consentgate.log.security.sealing import read_private_key


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument("--key", type=Path, required=True, help="the officer's private key (PEM)")
    parser.add_argument("--passphrase-file", type=Path, help="its first line opens the key")
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True, help="YYYY-MM-DD, UTC")
    parser.add_argument("--ip-token", required=True, help="the pseudonym: ip of a line")
    parser.add_argument("--reason", required=True, help="why, in words; kept in the audit trail")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Audit, open, print."""
    root = security_of(options)
    reason = " ".join(options.reason.split())
    if len(reason) < 3:
        raise SettingError("--reason: expected why the pseudonym is lifted, in words")
    found = reveal(
        root,
        read_private_key(options.key, passphrase_of(options)),
        day=options.day.isoformat(),
        token=plain_token(options.ip_token),
        by=asker(),
        reason=reason[:500],
        at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if options.json:
        told = {"address": found.address, "agents": found.agents, "lines": found.lines}
        print(json.dumps({**told, "audit": found.audit}, indent=2))
        return 0
    print(f"address: {found.address}")
    for agent in found.agents:
        print(f"agent: {_printable(agent)}")
    for line in found.lines:
        print(f"{line['ts']} {line['status']} {line['reason']} {line['method']} {line['path']}")
    print(f"audit entry {found.audit}")
    return 0


def asker() -> str:
    """Who calls: the account, and the one it was taken on from."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    before = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo by {before})" if before and before != name else name


def _printable(text: str) -> str:
    """What an agent says, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)
