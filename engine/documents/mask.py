"""Secrets taken out of what is shown: errors, log lines, events, replies. Pure.

A secret is looked for as it is, and in the forms that programs give a text on its way: within JSON, once or twice
over, percent-encoded as in URLs and forms, and in Base64, wherever in the encoded bytes it begins. Where a text
was cut, the beginning of a secret that stands before the cut is taken out as well. Whoever reshapes a secret in a
way of their own shows what they want: a mask is against accidents, and no wall.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from proto.codec import decode_checked, encode

MASK = "***"
"""The text that stands in place of a secret."""

SHORTEST_SECRET_CHARACTERS = 8
"""Characters of a secret, at least: a shorter one would be found in texts that have nothing to do with it."""

LONGEST_SECRET_CHARACTERS = 16_384
"""Characters of a secret, at most; keys in PEM form have some thousands."""

_BEGINNING_CHARACTERS = 6
"""Characters of a secret that give it away, at the end of a text that was cut."""

_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*", re.ASCII)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_whole_json: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_CUTS = ("…", '","cut":')


class Mask:
    """A mask of some secrets.

    Args:
        secrets: their texts.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {part for secret in secrets for part in (secret, *_long_lines(secret)) if part}
        forms = {form for secret in known for form in _forms(secret)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self._forms)
        # Within JSON a number is no text: where one is a secret, the whole number has to go.
        self._has_numbers = any(_NUMBER.fullmatch(form) for form in self._forms)

    def __repr__(self) -> str:
        return f"Mask({len(self._forms)} forms)"

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return self._without_beginnings(text)

    def _without_beginnings(self, text: str) -> str:
        """Return a text that may have been cut without the beginnings of secrets before the cut."""
        for cut in _CUTS:
            if cut in text:
                pieces = text.split(cut)
                text = cut.join([*map(self._without_beginning, pieces[:-1]), pieces[-1]])
        return text

    def _without_beginning(self, text: str) -> str:
        for form in self._forms:
            beginning = form[:_BEGINNING_CHARACTERS]
            at = text.find(beginning, max(0, len(text) - len(form)))
            while at >= 0:
                if form.startswith(text[at:]):
                    return text[:at] + MASK
                at = text.find(beginning, at + 1)
        return text

    def json(self, text: bytes) -> bytes:
        """Return a JSON text without the secrets; it is JSON again."""
        if not any(form in text for form in self._bytes):
            return text
        masked = _TOKEN.sub(self._token, text) if self._has_numbers else self._plain(text)
        try:
            _whole_json.decode(masked)
        except msgspec.DecodeError:  # what was found began or ended within an escape
            return encode(self._rebuilt(decode_checked(text)))
        return masked

    def _rebuilt(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._rebuilt(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._rebuilt(inner) for inner in value]
        if isinstance(value, str):
            return self.text(value)
        return MASK if self._plain(encode(value)) != encode(value) else value

    def _token(self, found: re.Match[bytes]) -> bytes:
        token = found[0]
        masked = self._plain(token)
        return masked if masked is token or token.startswith(b'"') else encode(MASK)

    def _plain(self, text: bytes) -> bytes:
        for form in self._bytes:
            if form in text:
                text = text.replace(form, MASK.encode())
        return text


def _long_lines(secret: str) -> Iterator[str]:
    """Yield the lines of a secret that has several: a message may quote one of them."""
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_SECRET_CHARACTERS and line[:5] != "-----")


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret may stand in a text. None of them is a few letters only."""
    for plain in (secret, *_percent_encoded(secret)):
        yield plain
        once = _within_json(plain)
        yield from (once, _within_json(once), _within_json(plain, is_ascii=True))
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        encoded = _in_base64(data, offset)
        if len(encoded) >= _BEGINNING_CHARACTERS:
            yield encoded
            yield encoded.translate(str.maketrans("+/", "-_"))


def _percent_encoded(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    for form in (*(quote(data, safe=safe) for safe in ("", "/", "!$&'()*+,;=:@/?~")), quote_plus(data)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda octet: octet[0].lower(), form)


def _within_json(text: str, *, is_ascii: bool = False) -> str:
    inner = encode(text).decode()[1:-1]
    if not is_ascii:
        return inner
    return inner.encode("ascii", "backslashreplace").decode() if inner.isascii() else _escaped(inner)


def _escaped(text: str) -> str:
    """Return a text with every character beyond ASCII as JSON's escape, a pair of them where it needs two."""
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(unit) if unit < 0x80 else f"\\u{unit:04x}" for unit in pairs)


def _in_base64(data: bytes, offset: int) -> str:
    """Return the part of the Base64 text that is the same whatever stands before, with an offset, and behind."""
    encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
    bits = 8 * offset
    first = -(-bits // 6)
    last = (bits + 8 * len(data)) // 6
    return encoded[first:last]


def mask_of(secrets: Mapping[str, str], names: Iterable[str]) -> Mask | None:
    """Return the mask of those of the secrets that are named; None where none is."""
    used = [secrets[name] for name in names if name in secrets]
    return Mask(used) if used else None
