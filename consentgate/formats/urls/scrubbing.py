"""Owns how a path or a query value loses what could point to a person (LOG-17).

Fails closed: what looks like an identifier is replaced, what is too long is cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote, unquote_plus

from consentgate.formats.urls.scoring import judged
from consentgate.memo import remember, up_to

MAX_CHARS = 256
MAX_SEGMENTS = 32
_MAX_VALUE_CHARS = 64
_MOST_ROUNDS = 4

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[^/]*%(?:u[0-9a-f]{2})?[0-9a-f]{2}[^/]*", re.I), "{token}"),
    (re.compile(r"[^/@\s=&?;,]{1,64}(?:@|\(at\)|\[at\])[^/@\s=&?;,]{1,128}"), "{email}"),
    (re.compile(r"^@[^/]{1,128}"), "{id}"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I), "{uuid}"),
    (re.compile(r"[A-Za-z0-9_-]{10,512}\.[A-Za-z0-9_-]{10,512}\.[A-Za-z0-9_-]{5,512}"), "{token}"),
    (re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)"), "{ip}"),
    (re.compile(r"(?:[0-9a-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4})", re.I), "{ip}"),
    (re.compile(r"(?=[0-9a-zA-Z_-]*\d)[0-9a-f]{16,512}", re.I), "{token}"),
    (
        re.compile(
            r"(?<![A-Za-z0-9_=+-])(?=[A-Za-z0-9_=+-]*\d)(?=[A-Za-z0-9_=+-]*[A-Za-z])"
            r"(?![a-z]{1,24}\d?(?:-(?:[a-z]{1,24}|\d{1,4}|(?=\d*[a-z])(?=[a-z]*\d)[a-z0-9]{1,6}))+(?:\.[a-z]{1,5})?$)"
            r"[A-Za-z0-9_=+-]{16,512}"
        ),
        "{token}",
    ),
    (re.compile(r"[A-Za-z0-9]{32,512}"), "{token}"),
    (re.compile(r"(?<![\d-])\+?\d(?:[ ().·_–—-]{0,3}\d){6,16}"), "{phone}"),
    (re.compile(r"\d{5,512}"), "{n}"),
)
_PERSONS = (
    "user users u profile profiles account accounts member members customer customers people "
    "author authors patient patients student students employee employees contact contacts order "
    "orders invoice invoices booking bookings by ~ person persons guest guests subscriber "
    "subscribers owner owners friend friends seller sellers driver drivers name names phone tel "
    "iban vin plate plates licenceplate licenseplate passport ssn dob benutzer nutzer mitglied "
    "mitglieder kunde kunden profil bestellung bestellungen rechnung rechnungen kennzeichen "
    "utilisateur utilisateurs membre membres compte comptes commande commandes facture factures "
    "usuario usuarios miembro miembros cliente clientes cuenta perfil pedido pedidos factura "
    "utente utenti membro ordine ordini fattura gebruiker gebruikers klant klanten bestelling "
    "bruker brukere bruger anvandare medlem medlemmar uzytkownik klient zamowienie utilizador "
    "encomenda"
)
_SECRETS = (
    "reset verify confirm confirmation invite invites invitation invitations unsubscribe token "
    "tokens activate activation magic auth callback share shared key keys session sessions "
    "password recover recovery resetpassword passwordreset forgotpassword setpassword "
    "newpassword changepassword magiclink loginlink verifyemail emailverification confirmemail "
    "verification login signin sso otp 2fa join acceptinvite activateaccount confirmaccount "
    "optout optin secret secrets apikey einladung einladungen bestaetigen bestaetigung abmelden "
    "anmelden passwort passwortzuruecksetzen aktivieren freischalten confirmer verifier "
    "verifieremail desinscription desinscrire motdepasse reinitialiser reinitialisermotdepasse "
    "connexion contrasena restablecer restablecercontrasena invitacion verificar confirmar baja "
    "senha redefinirsenha convite cancelarsubscricao ativar reimposta reimpostapassword invito "
    "conferma verifica disiscrizione wachtwoord wachtwoordvergeten uitnodiging bevestigen "
    "afmelden activeren losenord aterstalllosenord inbjudan bekrafta avregistrera adgangskode "
    "nulstil bekraeft afmeld passord tilbakestillpassord invitasjon bekreft haslo resethasla "
    "zaproszenie potwierdz wypisz"
)
_QUERIES = (
    "search q query find suche suchen recherche buscar busca cerca zoek zoeken sok soeg szukaj"
)
_NEXT = {
    **dict.fromkeys(_PERSONS.split(), "{id}"),
    **dict.fromkeys(_SECRETS.split(), "{token}"),
    **dict.fromkeys(_QUERIES.split(), "{q}"),
}
"""What a segment says that the next one is; written without hyphens and underscores."""
_LONGEST_NAME = 32
_PLAIN = re.compile(
    r"(?:index|new|edit|list|search|login|logout|me|self|settings|help|about|all|top|latest|"
    r"[a-z]{1,24}\.(?:css|js|png|svg|ico|html?|php|json|xml|txt|webp|jpg|woff2?))",
    re.I,
)


def scrub_path(path: str) -> str:
    """A path without query, fragment, identifiers and control characters, at most 256 characters.

    ``/user/42/reset/3f2a…`` becomes ``/user/{id}/reset/{token}``: a segment is replaced for what
    it looks like, and for what the segment before it says it is.
    """
    return _scrub(_cut(path))


def scrubbed_path(path: str) -> str:
    """The same, remembered for paths that come again."""
    return _scrubbed_path(_cut(path))


def _cut(path: str) -> str:
    path = path[: MAX_CHARS * 4]
    return path.partition("?")[0].partition("#")[0] if "?" in path or "#" in path else path


def _scrub(path: str) -> str:
    plain = path
    if "%" in path or not path.isascii():
        plain = _decoded(path, unquote).partition("?")[0].partition("#")[0]
    kept: list[str] = []
    before = ""
    for segment in plain.split("/", MAX_SEGMENTS)[:MAX_SEGMENTS]:
        named = _next_is(before) if segment and 0 < len(before) <= _LONGEST_NAME else ""
        if named and not _PLAIN.fullmatch(segment):
            kept.append(named)
        elif segment:
            kept.append(_scrubbed_segment(segment))
        else:
            kept.append("")
        before = segment
    return "/".join(kept)[:MAX_CHARS]


def _scrubbed_segment(segment: str) -> str:
    """One segment; a longer one than a whole path may be is no page's name."""
    if len(segment) > MAX_CHARS:
        return "{token}"
    return judged(_scrubbed(segment.partition(";")[0] if ";" in segment else segment))


_scrubbed_path = remember(8_192, is_small=up_to(MAX_CHARS * 2))(_scrub)


@remember(1_024)
def _next_is(segment: str) -> str:
    """What the segment after that one is; empty: nothing is known."""
    return _NEXT.get(segment.lower().replace("-", "").replace("_", "").replace(".", ""), "")


def scrubbed_value(value: str) -> str:
    """A query value without identifiers, at most 64 characters."""
    text = _scrubbed(_decoded(value[: _MAX_VALUE_CHARS * 4], unquote_plus))[:_MAX_VALUE_CHARS]
    return "/".join(map(judged, text.split("/")))


def _decoded(text: str, decode: Callable[[str], str]) -> str:
    """Percent-decoding until nothing changes, so that nothing hides behind ``%2540``.

    Wide and small forms of signs become the plain ones: ``＠`` is an ``@``.
    """
    for _ in range(_MOST_ROUNDS):
        decoded = decode(text)
        if decoded == text:
            break
        text = decoded
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


_WORD_RULES = tuple(rule for rule in _RULES if rule[1] in ("{token}", "{phone}", "{n}"))
"""The rules that can find something in letters and digits alone."""
_SEEN = re.compile(
    r"([A-Za-z_.-]{0,26}|[A-Za-z_-]{0,11}[0-9]{1,4})|([0-9]{5,6})|(\+?[0-9]{7,15})|"
    r"((?=[a-f]*[0-9])[0-9a-f]{16,512})"
)
"""What the rules leave as it is or replace as a whole, seen at once.

Left are words, and a short name with a number as short as a year.
"""
_AT_ONCE = ("", "", "{n}", "{phone}", "{token}")


def _scrubbed(text: str) -> str:
    seen = _SEEN.fullmatch(text)
    if seen is not None:
        return _AT_ONCE[seen.lastindex or 0] or text
    printable = text
    if not text.isprintable() or "\ufffd" in text:
        printable = "".join(char for char in text if char.isprintable() and char != "\ufffd")
    for pattern, placeholder in _WORD_RULES if printable.isalnum() else _RULES:
        printable = pattern.sub(placeholder, printable)
    return printable


_CLICK_IDS = (
    "gclid gclsrc dclid wbraid gbraid fbclid msclkid ttclid twclid li_fat_id yclid igshid "
    "mc_eid _hsenc _hsmi vero_id rb_clickid s_cid epik irclickid ScCid"
)
CLICK_IDS = frozenset(_CLICK_IDS.split())
"""Fields by which advertisers follow one click; never kept, only that there was one."""


def kept_query(query: bytes, allowed: frozenset[str]) -> dict[str, str]:
    """The declared fields of a query string, scrubbed; everything else is dropped.

    Args:
        query: as in the scope, without ``?``; only its first 2,048 bytes are read.
        allowed: names such as ``utm_source``; a click id is never kept, even if it is declared.
    """
    kept: dict[str, str] = {}
    for pair in query[:2_048].decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if name in allowed and value and name not in kept and name not in CLICK_IDS:
            kept[name] = scrubbed_value(value)
    return kept


def has_click_id(query: bytes) -> bool:
    """Whether an advertiser's click id stands in the query: the visit was paid for."""
    if b"id=" not in query and b"braid=" not in query and b"_hs" not in query:
        return False
    pairs = query[:2_048].decode("latin-1").split("&")
    return any(pair.partition("=")[0] in CLICK_IDS for pair in pairs)


def without_click_ids(query: bytes) -> bytes:
    """A query string without advertisers' click ids; everything else stays byte for byte.

    Args:
        query: as in the scope, without ``?``; a name may be percent-encoded.
    """
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if not _is_click_id(pair.partition(b"=")[0])]
    return query if len(kept) == len(pairs) else b"&".join(kept)


def _is_click_id(name: bytes) -> bool:
    text = unquote_plus(name.decode("latin-1")) if b"%" in name else name.decode("latin-1")
    return text.strip() in CLICK_IDS
