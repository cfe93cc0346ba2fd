"""Owns telling a word from what names a person or opens a door, by how it is written.

Words of the site's own stay: short ones, hyphenated ones, a name with a version. What is judged is
one segment of a path, or one value of a query, which the rules of scrubbing have left.
"""

from __future__ import annotations

import itertools
import re

TOKEN, PERSON, PLACE = "{token}", "{id}", "{place}"
_PIECES = re.compile(r"[-_.+~,!()' ]+")
_FILE_END = re.compile(
    r"\.(?:x?html?|css|m?js|json|xml|txt|pdf|png|jpe?g|gif|svg|webp|ico|md|rst|csv|zip|gz|tar|mp[34]|"
    r"woff2?|php|aspx?|py|ipynb|epub|docx?|xlsx?|whl|exe|dmg)$",
    re.I,
)
_COORDINATES = re.compile(r"-?\d{1,3}\.\d{3,}(?:[,;_ ]-?\d{1,3}\.\d{3,})?")
_NUMBERED = re.compile(
    r"(?:v|r|h|x|b|a|p|q|s|w|no|nr|id|pt|ch|py|cp|go|es|js|ts|el|le|web|app|api|base|case|class|code|"
    r"covid|css|day|days|double|draft|es|example|face|fig|figure|file|gpt|html|http|https|ico|img|image|"
    r"ipv|iso|item|java|kapitel|lesson|level|log|md|mp|note|oauth|page|part|pep|php|phase|png|"
    r"post|python|release|rev|rfc|section|seite|sha|side|step|table|tab|test|tls|top|tutorial|"
    r"utf|unit|vol|vue|week|win|windows|x|year|apps|summer|winter|spring|autumn|fall|sommer|"
    r"sale|xmas|blackfriday|cw|kw|fy|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"
    r"angular|bootstrap|latin|wheel|manylinux|linux|macos|ubuntu|debian|psycopg|mod|lib|log|jinja|"
    r"sqlite|mysql|neo|ed|rsa|ecdsa|md|tr|wcag|crc|p|rust|swift|cplusplus|elastic|k)-?\d{1,6}",
    re.I,
)
_NUMBER_FIRST = re.compile(
    r"\d{1,4}(?:st|nd|rd|th|d|p|k|g|x|px|mb|gb|kg|cm|mm|m|h|min|e|er|am|pm)?", re.I
)
_USER = re.compile(r"([A-Za-z]{2,20}?)(\d{1,6})")
_WORDED = re.compile(
    r"[A-Za-z]{3,20}\d{1,2}|\d{1,3}[a-z]{2,20}|[A-Z]{2,5}-?\d{1,4}|html5[a-z]{1,12}"
)
_CAMEL = re.compile(r"[A-Z]{0,6}[a-z]*(?:[A-Z]{1,5}[a-z]+|[A-Z]{2,6}$){0,6}")
_BIGRAMS = (
    "aabcdefghijklmnopqrstuvwyz babehilnorsuty cacehiklorstuyz dabdeghijlmnorstuvyz "
    "eabcdefghijklmnopqrstuvwxyz faefijlortu gaeghijlmnorstuy haeilmnorstuvwy "
    "iabcdefghijklmnoprstuvxz jaeiostu kaceijklnorstuvwy labcdefghijkmnlostuvy mabehilmnopsuy "
    "nacdefghijklmnorstuvyz oabcdefghijklmnoprstuvwxyz paceghiklnoprstuy quo "
    "rabcdefgijklmnorstuvwyz sacefhijklmnopqrstuvwyz tacefhijklmnoprstuvwyz "
    "uabcdefgijklmnoprstuvxz vaeioruys waehilnorsty xacehipty yabcdefiklmnoprstwyz "
    "zabdehilmnotuvwyz"
)
_FOLLOWS = {row[0]: frozenset(row[1:]) for row in _BIGRAMS.split()}
"""Letter to those that follow it in words of Europe's languages, in 98 of 100 places."""
_RARE_SHARE, _RARE_SHARE_OF_LONG = 0.2, 0.05
_LEAST_LETTERS, _LONG = 12, 20
_NAMES = (
    "aaron adam adrian agnes albert alex alexander alexandra alice amanda amelie amy andrea "
    "andreas andrew angela anita ann anna anne annika anthony antonio arthur astrid barbara "
    "beatrice ben benjamin bernd bianca birgit brian bruno camille carl carla carlos carmen "
    "caroline catherine cathy charles charlotte chloe christian christina christine christoph "
    "claire clara claudia clemens daniel daniela david deborah denise diana dieter dirk dominik "
    "donald dorothy edward elena elias elisabeth elizabeth ella emil emily emma eric erik erika "
    "erin esther ethan eva felix fiona florian frank franz frederik gabriel george georg gerhard "
    "giulia greta guido gustav hanna hannah hans harald heike heinz helen helena henrik henry "
    "hugo ida ines ingrid irene isabel isabella jacob jakob james jan jane janet jason jean "
    "jennifer jens jessica joachim joan johan johann johannes john jonas jonathan jorge jose "
    "josef joseph juan judith julia julian juliane juliette jürgen karen karin karl katarina "
    "katharina katherine kathrin kevin klaus kristin lars laura lea lena leonie linda lisa louise "
    "lucas lucia luis luisa lukas magnus manfred manuel manuela marc marcel marco marcus margaret "
    "maria marie marina mario marion markus marta martha martin martina mary mathias mathilde "
    "matthew matthias maximilian melanie mia michael michaela michelle miguel miriam monica "
    "monika moritz nadine nancy natalie nicholas nicolas nicole niklas nils nina noah olaf ole "
    "oliver olivia oskar pablo pamela patricia patrick paul paula pedro peter petra philip "
    "philipp pierre rachel rafael ralf raphael rebecca regina richard robert roberto roland rolf "
    "ronald ruth samuel sandra sara sarah sebastian silke silvia simon sofia sonja sophia sophie "
    "stefan stefanie stephan stephen steven susan susanne sven sybille tanja teresa theodor "
    "theresa thomas thorsten tim timothy tobias tom ulrich ulrike ursula uwe valentina vanessa "
    "vera veronika victor victoria vincent walter werner wilhelm william wolfgang yvonne"
)
_FIRST_NAMES = frozenset(_NAMES.split())
"""Given names that are no other words; others are not known as names."""


def judged(segment: str) -> str:
    """The segment, or what stands for it where it names a person, a place or opens a door.

    Args:
        segment: without a slash; placeholders such as ``{n}`` in it stay.
    """
    if len(segment) < 4 or "{" in segment:
        return segment
    plain = _FILE_END.sub("", segment)
    if _COORDINATES.fullmatch(plain):
        return PLACE
    pieces = [piece for piece in _PIECES.split(plain) if piece]
    if _names_one(pieces):
        return PERSON
    if any(map(_is_token, pieces)):
        return TOKEN
    return segment


def _names_one(pieces: list[str]) -> bool:
    """Whether it is a given name with a name or a number behind it, or a user's name."""
    if len(pieces) in (2, 3) and pieces[0].lower() in _FIRST_NAMES:
        return all(piece.isalpha() or piece.isdigit() for piece in pieces[1:])
    if len(pieces) != 1:
        return False
    found = _USER.fullmatch(pieces[0])
    if found is None or _NUMBERED.fullmatch(pieces[0]):
        return False
    return len(found[2]) > 1 or found[1].lower() in _FIRST_NAMES


def _is_token(piece: str) -> bool:
    if not piece.isascii() or len(piece) < 6 or piece.isdigit():
        return False
    if piece.isalpha():
        return _is_jumbled(piece)
    if not piece.isalnum():
        return True
    return not (_NUMBERED.fullmatch(piece) or _NUMBER_FIRST.fullmatch(piece) or _is_worded(piece))


def _is_worded(piece: str) -> bool:
    """Whether letters stand in one run, with a few digits at one end: ``python3``, ``2fa``."""
    return _WORDED.fullmatch(piece) is not None


def _is_jumbled(letters: str) -> bool:
    """Whether letters stand beside each other as in no word, or in no order of cases."""
    count = len(letters)
    if count >= 8 and not _CAMEL.fullmatch(letters):
        return True
    if count < _LEAST_LETTERS:
        return False
    humps = sum(map(str.isupper, letters))
    if 4 * humps >= count >= 16 and humps < count:
        return True  # a hump at every fourth letter
    low = letters.lower()
    rare = sum(after not in _FOLLOWS[first] for first, after in itertools.pairwise(low))
    return rare > (_RARE_SHARE if count < _LONG else _RARE_SHARE_OF_LONG) * (count - 1)
