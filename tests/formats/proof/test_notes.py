"""Signed notes and checkpoints: the published vectors, and what other readers refuse too."""

from __future__ import annotations

import hashlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.proof.checkpoints import (
    Checkpoint,
    LeafProof,
    checkpoint_of,
    leaf_proof_of,
)
from consentgate.formats.proof.notes import (
    Ed25519Signer,
    Ed25519Verifier,
    HmacKey,
    open_note,
    sign,
    signer_of,
    verifier_of,
)

# Keys, text and signatures of golang.org/x/mod/sumdb/note (note_test.go, example_test.go).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTG"
    "wnWLox33WWd1RvMc+QQ=\n"
)
SIGNED = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"

# The example of C2SP signed-note, section "Example".
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXm"
    "RKuwHjG1Yu72IneyaQM=\n"
)
SEED = bytes(range(32))


def test_the_published_notes_hold() -> None:
    """Both vectors verify; a signature of a key nobody gave is passed by."""
    assert open_note(FOO_NOTE, [verifier_of(FOO)]).text == "This is an example message.\n"
    peter, enoch = verifier_of(PETER), verifier_of(ENOCH)
    assert open_note(SIGNED, [peter]).signed_by == (peter,)
    assert open_note(SIGNED, [peter, enoch]).signed_by == (peter, enoch)
    assert open_note(SIGNED, []).signed_by == ()
    assert str(peter) == PETER


def test_the_published_key_signs_the_published_signature() -> None:
    """Byte for byte what golang.org/x/mod/sumdb/note writes."""
    peter = signer_of(PETER_SECRET)
    assert sign(TEXT, [peter]) == f"{TEXT}\n{PETER_LINE}"
    assert (peter.secret(), str(peter.verifier)) == (PETER_SECRET, PETER)


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n"),
        f"{TEXT}\n— Bad Name x08go/ZJkuBS9UG/\n",
        f"{TEXT}\n— Bad+Name x08go/ZJkuBS9UG/\n",
        f"{TEXT}\n— Bad\u2028Name x08go/ZJkuBS9UG/\n",
        f"{TEXT}\n— Short x08g\n",
        f"{TEXT}\n— Loose x08go/ZJkuBS9UG=\n",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE * 101}",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    """The malformed messages of note_test.go, and some more."""
    with pytest.raises(ValueError, match="not a signed note"):
        open_note(note, [verifier_of(PETER)])


@pytest.mark.parametrize("at", [0, 60, len(TEXT) - 2])
def test_a_changed_text_is_refused(at: int) -> None:
    """One letter of the text is another, and the key that signed says so by name."""
    changed = f"{TEXT[:at]}#{TEXT[at + 1 :]}\n{PETER_LINE}"
    with pytest.raises(ValueError, match=r"signature of PeterNeumann\+c74f20a3 is wrong"):
        open_note(changed, [verifier_of(PETER)])


@pytest.mark.parametrize("key", [PETER, PETER_SECRET])
def test_no_part_of_a_key_is_a_key(key: str) -> None:
    """Every cut of a key is refused, and so is every key with one character changed."""
    read = signer_of if key.startswith("PRIVATE") else verifier_of
    parts = [key[:at] for at in range(len(key))] + [key[at:] for at in range(1, len(key))]
    changed = [f"{key[:at]}{chr(ord(key[at]) + 1)}{key[at + 1 :]}" for at in range(len(key))]
    for wrong in (*parts, *changed):
        with pytest.raises(ValueError, match=r"expected|key") as caught:
            read(wrong)
        assert "AYEKFALV" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
    ids=["another length", "unknown type"],
)
def test_published_wrong_keys_are_refused(key: str) -> None:
    """Keys of note_test.go whose ids are right and whose keys are not."""
    with pytest.raises(ValueError, match=r"expected|bytes"):
        verifier_of(key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b"])
def test_names_of_keys_are_plain(name: str) -> None:
    """A name with spaces or a plus could not be read back."""
    with pytest.raises(ValueError, match="name"):
        Ed25519Verifier(name, SEED)
    with pytest.raises(ValueError, match="name"):
        HmacKey(name, SEED)


def test_keys_of_another_length_are_refused() -> None:
    """Too short a key signs nothing."""
    for make in (Ed25519Signer, Ed25519Verifier, HmacKey):
        with pytest.raises(ValueError, match="bytes"):
            make("shop.example", b"short")


def test_a_keyed_hash_is_for_the_operator_alone() -> None:
    """The operator's key checks it; others pass it by, and the note says that it is not public."""
    key = HmacKey("shop.example", SEED)
    note = sign(TEXT, [key])
    assert open_note(note, [key]).signed_by == (key,)
    assert not open_note(note, [key]).is_public
    assert open_note(note, [HmacKey("shop.example", SEED[::-1])]).signed_by == ()
    assert open_note(note, [verifier_of(PETER)]).signed_by == ()
    with pytest.raises(ValueError, match="is wrong"):
        open_note(note.replace("cryptography", "chemistry"), [key])


def test_a_note_of_two_keys_is_public_by_one() -> None:
    """Where a public key signed too, anyone can check it."""
    key, signer = HmacKey("shop.example", SEED), Ed25519Signer("shop.example", SEED)
    assert open_note(sign(TEXT, [key, signer]), [key, signer.verifier]).is_public


@pytest.mark.parametrize("text", ["no line break", "a\tb\n", "a\r\n"])
def test_what_no_reader_takes_is_not_signed(text: str) -> None:
    """A note that would be malformed is never written."""
    with pytest.raises(ValueError, match="line break"):
        sign(text, [])


def test_the_keyed_hash_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra a ledger still has checkpoints; Ed25519 says what is missing."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    assert open_note(sign(TEXT, [key := HmacKey("a", SEED)]), [key]).signed_by == (key,)
    with pytest.raises(ImportError):
        Ed25519Signer("a", SEED)


ROOT = hashlib.sha256(b"").digest()


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    """The example of C2SP tlog-checkpoint; extension lines are passed by."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    read = checkpoint_of(text)
    assert (read.origin, read.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert read.text() == text
    assert checkpoint_of(f"{text}an extension\n") == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Log\n9944\n",
        "\n9944\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Log\n9944\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "Log\n09\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Log\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Log\n९\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Log\n9007199254740992\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Log\n9\nYmFuYW5hcw==\n",
        "Log\n9\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "Log\n9\nnot base64\n",
        "Log\n9\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Missing lines, other spellings of a number, hashes of another length."""
    with pytest.raises(ValueError, match="expected"):
        checkpoint_of(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"), [("", 1, ROOT), ("a\nb", 1, ROOT), ("a", -1, ROOT), ("a", 1, b"")]
)
def test_an_impossible_checkpoint_is_not_written(origin: str, size: int, root: bytes) -> None:
    """What could not be read back is refused before it is signed."""
    with pytest.raises(ValueError, match=r"log|checkpoint"):
        Checkpoint(origin=origin, size=size, root=root).text()


@given(st.integers(0, 2**53 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_leaf_proof_is_read_as_it_was_written(index: int, hashes: list[bytes]) -> None:
    """Any index and hashes come back, with the note as it was."""
    proof = LeafProof(index=index, hashes=tuple(hashes), checkpoint=SIGNED)
    assert leaf_proof_of(proof.text()) == proof


def test_an_extra_line_is_passed_by() -> None:
    """Nothing proves it, so nothing is read from it."""
    text = LeafProof(index=3, hashes=(ROOT,), checkpoint=SIGNED).text()
    assert leaf_proof_of(text.replace("index", "extra AAAA\nindex")) == leaf_proof_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "A" * 66_000,
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{'A' * 43}=\n" * 64 + "\ncheckpoint\n",
    ],
)
def test_what_is_no_leaf_proof_is_refused(text: str) -> None:
    """The malformed proofs of transparency-dev/formats (tlog_proof_test.go), and too long a one."""
    with pytest.raises(ValueError, match="expected"):
        leaf_proof_of(text)
