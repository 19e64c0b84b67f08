"""Lines of hosts.txt and of feeds: parsing, the bytes that are signed, signatures, junk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming.hosts_line import Action, make_line, parse_line
from i2ptunnel.naming.names import displayed, is_host_name, normalise
from tests.support.deterministic import SeededEntropy

ONE = PrivateKeys.generate_destination(SeededEntropy("one"))
TWO = PrivateKeys.generate_destination(SeededEntropy("two"))
OLD = PrivateKeys.generate_destination(SeededEntropy("old"), SigningType.ECDSA_P256)
NAME = "site.i2p"


def make(action: Action, **more: object) -> str:
    options = {"old_name": "old.i2p", "old_keys": OLD, "date": 1_700_000_000, **more}
    return make_line(action, NAME, ONE, **options).text  # type: ignore[arg-type]


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_signed_and_read_back(action: Action) -> None:
    text = make(action)
    line = parse_line(text)
    assert line is not None and line.text == text and line.action is action
    assert (line.name, line.destination, line.date) == (NAME, ONE.destination, 1_700_000_000)
    assert line.is_signed_properly()
    # the order of properties and the case of the name are of no matter, anything else is
    head, _, properties = text.partition("#!")
    turned = "#".join(reversed(properties.split("#")))
    again = parse_line(f"  {head.replace('site.i2p', 'Site.I2P')}#!{turned}\r\n")
    assert again is not None and again.is_signed_properly()
    for wrong in (
        text.replace("1700000000", "1700000001"),
        text + "#extra=1",
        text.replace("#sig=", "#nosig="),
        text.replace(ONE.destination.b64, TWO.destination.b64),
    ):
        broken = parse_line(wrong)
        assert broken is not None and not broken.is_signed_properly()


def test_lines_that_real_programs_signed() -> None:
    text = (Path(__file__).parents[2] / "vectors" / "signed_hosts.txt").read_text()
    java, postman = [line for raw in text.splitlines() if (line := parse_line(raw)) is not None]
    assert (java.action, java.date) == (Action.ADD, 1_762_104_890)
    assert java.is_signed_properly()
    assert postman.action is Action.ADD_DESTINATION and postman.old_destination is not None
    assert postman.old_destination.signing_type == SigningType.DSA_SHA1
    assert postman.is_signed_properly()
    broken = parse_line(postman.text.replace("oldsig=i02", "oldsig=i03"))
    assert broken is not None and not broken.is_signed_properly()


def test_the_bytes_that_are_signed() -> None:
    line = parse_line(
        f"a.i2p={ONE.destination.b64}#!sig=AA#oldsig=BB#b=2=3#action=changedest"
        f"#olddest={OLD.destination.b64}#a=1"
    )
    assert line is not None
    head = f"a.i2p={ONE.destination.b64}#!a=1#action=changedest#b=2=3#olddest="
    head += OLD.destination.b64
    assert line.signed_part() == f"{head}#oldsig=BB".encode()
    assert line.signed_part(is_inner=True) == head.encode()
    assert not line.is_signed_properly()


def test_the_inner_signature_must_be_right_too() -> None:
    good = parse_line(make(Action.CHANGE_DESTINATION))
    assert good is not None
    stolen = dict(good.properties)
    # signed by the new destination only: the old one never agreed
    forged = make_line(
        Action.CHANGE_DESTINATION, NAME, ONE, old_keys=TWO, date=1_700_000_000
    ).text.replace(TWO.destination.b64, stolen["olddest"])
    line = parse_line(forged)
    assert line is not None and not line.is_signed_properly()


def test_what_cannot_sign() -> None:
    with pytest.raises(LocalError):
        make_line(Action.CHANGE_DESTINATION, NAME, ONE)
    offline = ONE.authorise_transient(SeededEntropy(1), 2_000_000_000)
    with pytest.raises(LocalError):
        make_line(Action.ADD, NAME, offline)
    with pytest.raises(LocalError):
        make_line(Action.ADD, "not a name", ONE)


@pytest.mark.parametrize("line", ["", "  ", "# a comment", "; another", "#!", "#", "#! "])
def test_lines_without_content(line: str) -> None:
    assert parse_line(line) is None


B64 = ONE.destination.b64


@pytest.mark.parametrize(
    "line",
    [
        "no equals sign",
        f"={B64}",
        f"not-i2p.example={B64}",
        f"x.b32.i2p={B64}",
        f"proxy.i2p={B64}",
        "a.i2p=AAAA",
        f"a.i2p={B64[:-4]}",
        f"a.i2p={B64}#!a",
        f"a.i2p={B64}#!a=",
        f"a.i2p={B64}#!=b",
        f"a.i2p={B64}#!a=1#a=2",
        f"a.i2p={B64}#!action=",
        f"a.i2p={B64}#!action=revert",
        f"a.i2p={B64}#!action=changedest#olddest={B64}",
        f"a.i2p={B64}#!action=addname#oldname=-",
        f"a.i2p={B64}#!action=remove#name=a.i2p#dest={B64}",
        f"#!action=adddest#name=a.i2p#dest={B64}",
        "#!action=remove#name=a.i2p",
        f"#!name=a.i2p#dest={B64}",
        f"a.i2p={B64}#!a={'x' * 9000}",
        f"a.i2p={B64}#!" + "#".join(f"k{i}=1" for i in range(40)),
    ],
)
def test_malformed_lines(line: str) -> None:
    with pytest.raises(DecodeError):
        parse_line(line)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.sampled_from(["", f"a.i2p={B64}", f"a.i2p={B64}#!", "#!action="]))
def test_junk(junk: str, start: str) -> None:
    try:
        line = parse_line(start + junk)
    except DecodeError:
        return
    if line is not None:
        assert is_host_name(line.name) or line.action is Action.REMOVE_ALL
        assert not line.is_signed_properly()


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("a.i2p", True),
        ("a-b.c9.i2p", True),
        ("xn--e1afmkfd.i2p", True),
        ("i2p", False),
        (".i2p", False),
        ("A.i2p", False),
        ("a_b.i2p", False),
        ("-a.i2p", False),
        ("a-.i2p", False),
        ("a.-b.i2p", False),
        ("a..i2p", False),
        ("a--b.i2p", False),
        ("a.b--c.i2p", False),
        ("x" * 63 + ".i2p", True),
        ("x" * 64 + ".i2p", False),
        ("a" * 52 + ".i2p", False),
        ("www." + "a" * 52 + ".i2p", False),
        ("1" * 52 + ".i2p", True),
        ("b32.i2p", False),
        ("x.b32.i2p", False),
        ("proxy.i2p", False),
        ("a.console.i2p", False),
        ("mail.i2p", False),
        ("notmail.i2p", True),
        ("a.i2p.example", False),
        ("a.i2p\n", False),
        ("ä.i2p", False),
    ],
)
def test_naming_rules(name: str, is_good: bool) -> None:
    assert is_host_name(name) is is_good


def test_names_as_people_write_them() -> None:
    assert normalise(" Site.I2P.alt ") == "site.i2p"
    assert normalise("site.i2p.") == "site.i2p"
    assert normalise("ПРИМЕР.i2p") == "xn--e1afmkfd.i2p"
    assert displayed("xn--e1afmkfd.i2p") == "пример.i2p"
    assert normalise(B64) == B64
    assert normalise("\udcff.i2p") == "\udcff.i2p"
    assert normalise(ONE.destination.b32 + ".alt") == ONE.destination.b32
