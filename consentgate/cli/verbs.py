"""Owns how the command finds its verbs: it imports the one that is called, and no other."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from consentgate.cli.examples import examples_of


class Verb(NamedTuple):
    """A verb of the command."""

    home: str
    """Module with ``arguments(parser)`` and ``run(options) -> int``."""
    help: str


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it, and end."""
        from importlib.metadata import version

        print(f"consentgate {version('consentgate')}")
        parser.exit()


class _VerbParser(argparse.ArgumentParser):
    """Parses one verb's arguments; what they are is looked up when there is something to parse."""

    home = ""
    """The verb's module; empty: its arguments are declared."""
    done = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Declare the verb's arguments, then parse."""
        home, self.home = self.home, ""
        if home:
            verb = import_module(home)
            verb.arguments(self)
            self.set_defaults(**{self.done: verb.run})
        return super().parse_known_args(args, namespace)


def add_verbs(parser: argparse.ArgumentParser, verbs: Mapping[str, Verb], done: str) -> None:
    """Declare verbs by name and help; ``done``: the attribute of the options that runs one."""
    acts = parser.add_subparsers(metavar="VERB", required=True, parser_class=_VerbParser)
    for name, verb in verbs.items():
        words = f"{parser.prog} {name}".partition(" ")[2]
        one = acts.add_parser(
            name,
            help=verb.help.replace("%", "%%"),
            description=textwrap.fill(verb.help, 78),
            epilog=examples_of(words),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.home, one.done = verb.home, done


def parsed(verbs: Mapping[str, Verb], arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command was called with."""
    parser = argparse.ArgumentParser(
        prog="consentgate", description="Keeps a site's word about tracking, on the server."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    add_verbs(parser, verbs, "run")
    return parser.parse_args(arguments)
