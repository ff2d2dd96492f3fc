"""Secrets taken out of what is shown: errors, log lines, events, replies. Pure.

A secret is looked for as it is, and in the forms that programs give a text on its way: within JSON, once or twice
over, percent-encoded as in URLs and forms, within HTML, and in Base64, wherever in the encoded bytes it begins.
Where a text was cut, the beginning of a secret that stands before the cut is taken out as well. Whoever reshapes a
secret in a way of their own shows what they want: a mask is against accidents, and no wall.

A mask is laid on in one go, and texts are written by whoever wants to hold the service up: so the cost grows with
the length only, and values are never decoded for it.
"""

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

import msgspec

from proto.codec import encode

MASK = "***"
"""The text that stands in place of a secret."""

SHORTEST_SECRET_CHARACTERS = 8
"""Characters of a secret, at least: a shorter one would be found in texts that have nothing to do with it."""

LONGEST_SECRET_CHARACTERS = 16_384
"""Characters of a secret, at most; keys in PEM form have some thousands."""

_BEGINNING_CHARACTERS = 6
"""Characters of a secret that give it away, at the end of a text that was cut."""

_KNOWN_SECRETS, _KNOWN_MASKS = 1_000, 100
"""Secrets whose forms are remembered, and masks: each execution that uses one has its mask when it starts."""

_MOST_CUTS = 20
"""Cuts of one text before which beginnings are looked for, the last ones: we make one or two in a text."""

_MOST_DOUBTFUL = 1_000
"""Places of one secret in a JSON text that are looked at one by one; with more of them the whole text goes."""

_DIGITS = b"0123456789.eE+-"
_OUTSIDE = frozenset(_DIGITS + b",:[]{} \t\r\nnulltruefalse")
"""The bytes that may stand in JSON outside of texts."""

_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")
_MORE_DIGITS = re.compile(rb"[0-9.eE+-]*")
_CUTS = ("…", '","cut":')
_UNICODE_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})")
_UNTOUCHED = re.compile("[A-Za-z0-9]+")
_BEGUN_ESCAPE = re.compile(rb"u[0-9a-fA-F]{0,3}\Z")
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_text_decoder = msgspec.json.Decoder(str)


class Mask:
    """A mask of some secrets.

    Args:
        secrets: their texts.

    Attributes:
        secrets: as given.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = frozenset(secrets)
        forms = {form: core for secret in self.secrets for form, core in _forms_of_all(secret)}
        self._forms = tuple(sorted(forms.items(), key=lambda form: (-len(form[0]), form[0])))
        self._cores = frozenset(core for _, core in self._forms)
        self._within_json = tuple(
            (data, core.encode("utf-8", "surrogatepass"))
            for form, core in self._forms
            if (data := _as_json_has_it(form)) is not None
        )
        self._cores_within_json = frozenset(core for _, core in self._within_json)
        self._longest = max(map(len, forms), default=0)
        self._by_beginning: dict[str, list[str]] = {}
        for form in forms:
            self._by_beginning.setdefault(form[:_BEGINNING_CHARACTERS], []).append(form)

    def __repr__(self) -> str:
        return f"Mask({len(self._forms)} forms)"

    def beside(self, other: "Mask | None") -> "Mask":
        """Return the mask of the secrets of this one and of another."""
        if other is None or other.secrets <= self.secrets:
            return self
        return _mask_of_texts(self.secrets | other.secrets)

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        seen = {core for core in self._cores if core in text}
        if seen:
            for form, core in self._forms:
                if core in seen and form in text:
                    text = text.replace(form, MASK)
        return self._without_beginnings(text)

    def _without_beginnings(self, text: str) -> str:
        """Return a text that may have been cut without the beginnings of secrets before the cut."""
        for cut in _CUTS:
            if cut in text:
                *before, last = text.rsplit(cut, _MOST_CUTS)
                text = cut.join([*map(self._without_beginning, before), last])
        return text

    def _without_beginning(self, text: str) -> str:
        start = max(0, len(text) - self._longest)
        for beginning, forms in self._by_beginning.items():
            at = text.find(beginning, start)
            while at >= 0:
                tail = text[at:]
                if any(form.startswith(tail) for form in forms):
                    return text[:at] + MASK
                at = text.find(beginning, at + 1)
        return text

    def json(self, text: bytes) -> bytes:
        """Return a JSON text without the secrets; it is JSON again."""
        seen = {core for core in self._cores_within_json if core in text}
        if seen:
            for form, core in self._within_json:
                if core in seen and form in text:
                    text = _without(text, form)
        return text


def _without(text: bytes, form: bytes) -> bytes:
    """Return a JSON text without a form of a secret.

    Mostly the form can only stand within texts, and be whole there. Where it looks like a number, or where its
    first letter may be that of an escape, each place is looked at.
    """
    is_begun = b"\\u" in text if form[:1] in _HEXADECIMAL else b"\\" + form in text
    if not is_begun and not _OUTSIDE.issuperset(form):
        return text.replace(form, MASK.encode())
    if text.count(form) > _MOST_DOUBTFUL:
        return encode(MASK)
    return _without_doubtful(text, form)


def _without_doubtful(text: bytes, form: bytes) -> bytes:
    done: list[bytes] = []
    taken = 0  # what lies before is in `done`
    looked_at = 0  # up to here it is known whether a text has begun; no escape lies across
    is_inside = False
    place = text.find(form)
    while place >= 0:
        between = text[looked_at:place]
        escape = _escape_at_the_end(between)
        is_within_escape = escape < len(between)
        between = between[:escape]
        is_inside ^= _quotes(between) % 2 == 1
        looked_at += len(between)
        end = place + len(form)
        if is_inside and not is_within_escape:
            done += (text[taken:place], MASK.encode())
            taken = looked_at = end
        elif not is_inside and _NUMBER.fullmatch(form):
            number = len(between.rstrip(_DIGITS)) + place - len(between)
            more = _MORE_DIGITS.match(text, end)
            done += (text[taken:number], encode(MASK))
            taken = looked_at = end if more is None else more.end()
        place = text.find(form, max(taken, place + 1))
    return b"".join((*done, text[taken:]))


def _escape_at_the_end(text: bytes) -> int:
    """Return where in a piece of JSON the escape begins that is cut at its end; its length where there is none."""
    begun = _BEGUN_ESCAPE.search(text, max(0, len(text) - 4))
    stem = text if begun is None else text[: begun.start()]
    is_odd = (len(stem) - len(stem.rstrip(b"\\"))) % 2 == 1
    return len(stem) - 1 if is_odd else len(text)


def _quotes(text: bytes) -> int:
    """Return how many texts begin or end in a piece of JSON that cuts no escape."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.count(b'"')


def _as_json_has_it(form: str) -> bytes | None:
    """Return a form as it may stand within a text of JSON; None where it cannot."""
    data = form.encode("utf-8", "surrogatepass")
    try:
        _text_decoder.decode(b'"' + data + b'"')
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return data


@lru_cache(_KNOWN_SECRETS)
def _forms_of_all(secret: str) -> tuple[tuple[str, str], ...]:
    """Return the forms of a secret and of its lines: of a key that has hundreds, that takes a while."""
    known = dict.fromkeys((secret, *_long_lines(secret)))
    return tuple({form: core for part in known if part for form, core in _forms(part)}.items())


def _long_lines(secret: str) -> Iterator[str]:
    """Yield the lines of a secret that has several: a message may quote one of them."""
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_SECRET_CHARACTERS and line[:5] != "-----")


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the forms in which a secret may stand in a text, each with a part of it to look for first.

    None of them is a few letters only.
    """
    core = max(_UNTOUCHED.findall(secret), key=len, default="")
    for plain in dict.fromkeys((secret, *_percent_encoded(secret))):
        yield plain, core
        for form in _in_html(plain):
            yield form, core
            yield _within_json(form), core
        for once in _in_json(plain):
            yield once, core
            yield _within_json(once), core
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        encoded = _in_base64(data, offset)
        if len(encoded) >= _BEGINNING_CHARACTERS:
            for form in (encoded, encoded.translate(str.maketrans("+/", "-_"))):
                yield form, form


def _in_json(text: str) -> Iterator[str]:
    """Yield what a text is within JSON: some programs escape more than they must."""
    plain, ascii_only = _within_json(text), _within_json(text, is_ascii=True)
    large = _UNICODE_ESCAPE.sub(lambda escape: f"{escape[1]}\\u{escape[2].upper()}", ascii_only)
    yield from (plain, ascii_only, large)
    yield from (plain.replace("/", "\\/"), ascii_only.replace("/", "\\/"))  # PHP
    yield _with_escapes(plain, "&<>", "04x")  # Go, Rails
    yield _with_escapes(plain, "&<>'=", "04x")  # Gson
    yield _with_escapes(large.replace('\\"', "\\u0022"), "&<>'+`", "04X")  # .NET


def _in_html(text: str) -> Iterator[str]:
    """Yield what a text is within HTML; programs differ in what they make of quotes."""
    plain = html.escape(text, quote=False)
    yield plain
    yield plain.replace('"', "&quot;")
    for single in ("&#x27;", "&#39;", "&#039;"):
        yield plain.replace('"', "&quot;").replace("'", single)
    yield plain.replace('"', "&#34;").replace("'", "&#39;")


def _with_escapes(text: str, characters: str, form: str) -> str:
    for each in characters:
        text = text.replace(each, f"\\u{ord(each):{form}}")
    return text


def _percent_encoded(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    for form in (*(quote(data, safe=safe) for safe in ("", "/", "!$&'(+*),;=:@/?~")), quote_plus(data)):
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
    used = frozenset(secrets[name] for name in names if name in secrets)
    return _mask_of_texts(used) if used else None


@lru_cache(_KNOWN_MASKS)
def _mask_of_texts(secrets: frozenset[str]) -> Mask:
    """Return the mask of some secrets, the same for each execution: it is not changed by what it masks."""
    return Mask(secrets)
