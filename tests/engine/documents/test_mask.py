"""Masks: the forms in which a secret is found, and what stands there afterwards."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.mask import MASK, Mask, mask_of
from proto.codec import encode


def escaped(text: str, characters: str, form: str) -> str:
    """A text with JSON's escapes for some characters."""
    return "".join(f"\\u{ord(each):{form}}" if each in characters else each for each in text)


def large(text: str) -> str:
    """A text within JSON of ASCII, as programs have it whose escapes are of large letters."""
    return re.sub(r"\\u(....)", lambda found: f"\\u{found[1].upper()}", json.dumps(text)[1:-1])


SECRETS = (
    "plain-token-1234",
    'quo"ted\\back/slash',
    "pass word+&=%?#ü€",
    "line\nbreak\ttab",
    'it\'s \\ <a> "quote"',
    "12345678901",
    "+/+/==?>?>??",
)
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "within JSON": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "within JSON of ASCII": lambda text: json.dumps(text)[1:-1],
    "within JSON within JSON": lambda text: encode(encode(text).decode()).decode(),
    "within JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "within JSON of Go": lambda text: escaped(json.dumps(text, ensure_ascii=False)[1:-1], "&<>", "04x"),
    "within JSON of Gson": lambda text: escaped(json.dumps(text, ensure_ascii=False)[1:-1], "&<>'=", "04x"),
    "within JSON of .NET": lambda text: escaped(large(text).replace('\\"', "\\u0022"), "&<>'+`", "04X"),
    "within JSON of large letters": large,
    "within HTML": html.escape,
    "within HTML within JSON": lambda text: encode(html.escape(text)).decode()[1:-1],
    "within HTML of Go": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded path": quote,
    "percent-encoded in small letters": lambda text: re.sub("%..", lambda octet: octet[0].lower(), quote(text)),
    "as a client's query": lambda text: httpx.URL(f"http://h/?k={quote(text)}").query.decode().removeprefix("k="),
    "of a form": quote_plus,
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 behind a user": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "Base64 in the midst": lambda text: base64.b64encode(f"u:{text}, and more".encode()).decode(),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(secret: str, form: str) -> None:
    """What programs make of a text on its way is found, and what stands around it stays."""
    shaped = FORMS[form](secret)
    masked = Mask([secret]).text(f"before {shaped} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked
    assert not [part for part in (secret, shaped) if part in masked]
    assert len(masked) <= len("before  after") + len(MASK) + 20, "no more than the ends of an encoding is left"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_json_text_stays_json(secret: str) -> None:
    """A secret is masked in texts, in names, and where it is a number."""
    value = {"a": [f"x{secret}y", {secret: 1}], "n": 12345678901, "m": -12345678901.5, "k": 7, "s": "12"}
    masked = Mask([secret]).json(encode(value))
    read = json.loads(masked)
    assert (read["a"][0], list(read["a"][1])) == (f"x{MASK}y", [MASK])
    assert (read["k"], read["s"]) == (7, "12")
    assert (read["n"] == MASK) is (secret == "12345678901")


def test_what_holds_no_secret_is_the_same_object() -> None:
    """Nothing is copied where nothing is masked."""
    mask = Mask(SECRETS)
    text, value = "nothing here", b'{"a": 1}'
    assert mask.text(text) is text
    assert mask.json(value) is value


@pytest.mark.parametrize("length", range(6, len("plain-token-1234")))
def test_the_beginning_of_a_secret_before_a_cut_is_masked(length: int) -> None:
    """A text that was cut in the midst of a secret shows nothing of it."""
    beginning = "plain-token-1234"[:length]
    mask = Mask(["plain-token-1234"])
    assert mask.text(f"see {beginning}… (cut: 9 bytes in all)") == f"see {MASK}… (cut: 9 bytes in all)"
    assert mask.text(f'{{"value":"see {beginning}","cut":9}}') == f'{{"value":"see {MASK}","cut":9}}'


def test_several_secrets_of_which_one_is_in_another_are_masked_whole() -> None:
    """The longer one goes first, so nothing of it is left."""
    mask = Mask(["password-1", "my-password-1-long"])
    assert mask.text("my-password-1-long password-1") == f"{MASK} {MASK}"


def test_a_mask_shows_nothing_of_what_it_masks() -> None:
    """A mask may be printed."""
    assert "plain-token-1234" not in repr(Mask(["plain-token-1234"]))


@given(st.text(min_size=8, max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_no_text_is_left_in_json(secret: str, before: str, after: str) -> None:
    """Whatever the secret is, a JSON text that holds it is JSON afterwards, and does not hold it."""
    masked = Mask([secret]).json(encode([before + secret + after, {secret: secret}]))
    read = json.loads(masked)
    assert secret not in read[0].replace(MASK, "") or secret in before + after
    assert secret not in read[1]


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        ("nabcdefgh", "\nabcdefgh nabcdefgh"),
        ("abcdefgh\\", 'abcdefgh\\" and abcdefgh"'),
        ("u00e9abcd", "é\x00u00e9abcd"),
        ("00000001f", "\x001f \x00000001f 00000001f"),
        ("1,1,1,1,1", [1, 1, 1, 1, 1, 1, "1,1,1,1,1"]),
    ],
)
def test_a_secret_that_seems_to_stand_across_an_escape_leaves_the_json_whole(secret: str, value: str) -> None:
    """A letter of an escape is no letter of the text."""
    read = json.loads(Mask([secret]).json(encode({"a": value, secret: 1})))
    assert secret not in read["a"]
    assert MASK in read


def test_each_line_of_a_key_is_masked_by_itself() -> None:
    """A message that quotes a line of a key shows none of it; the lines that all keys have stay."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nab\n-----END KEY-----\n"
    masked = Mask([key]).text(f"at {key.splitlines()[1]} of -----BEGIN KEY-----, ab")
    assert masked == f"at {MASK} of -----BEGIN KEY-----, ab"


@pytest.mark.parametrize("secret", ["nabcdefgh", "12345678"])
def test_a_value_of_any_depth_is_masked(secret: str) -> None:
    """Values are not decoded for it, so none is too deep, and none takes long."""
    value = b"[" * 900 + encode(["\nabcdefgh", 123456789, secret]) + b"]" * 900
    masked = Mask([secret]).json(value)
    assert masked == value.replace(b"123456789", b'"***"' if secret.isdigit() else b"123456789").replace(
        encode(secret), b'"***"'
    )


def test_a_value_full_of_doubtful_places_is_masked_whole() -> None:
    """Looking at each of a million numbers would hold up everybody."""
    value = encode([12345678] * 2_000)
    assert Mask(["12345678"]).json(value) == encode(MASK)


def test_beginnings_are_looked_for_before_the_last_cuts() -> None:
    """A text of cuts only costs no more than others; those that we make are at the end."""
    text = "plain-to…" * 100
    assert Mask(["plain-token-1234"]).text(text) == "plain-to…" * 80 + f"{MASK}…" * 20


def test_executions_that_use_the_same_secrets_have_the_same_mask() -> None:
    """Finding all forms of a key with hundreds of lines is not for each of them."""
    secrets = {"a": "plain-token-1234", "b": "other-token-5678", "c": "third-token-9012"}
    assert mask_of(secrets, ["a", "b"]) is mask_of(dict(secrets), ["b", "a", "a"])
    assert mask_of(secrets, ["a", "c"]) is not mask_of(secrets, ["a", "b"])
    assert mask_of(secrets, ["nothing"]) is None
