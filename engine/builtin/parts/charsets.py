"""Bodies as text: in which character set, whether at all, and JSON in any of them as UTF-8.

Character sets are those that browsers know (the WHATWG's Encoding Standard), under their names and Python's; some
others that Python knows take quadratic time. Everything is decoded in slices.
"""

import codecs

import trio

from engine.builtin.parts.inflating import SLICE_BYTES
from engine.cooperative.json_checks import check_utf8

_OTHER_NAMES = {
    "gb2312": "gbk",
    "gb_2312-80": "gbk",
    "chinese": "gbk",
    "x-gbk": "gbk",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "windows-874": "cp874",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "iso-8859-8-i": "iso8859_8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
}
"""Names that Python lacks, or takes for a smaller set than those who use them."""

_SINGLE_BYTE = frozenset(
    codecs.lookup(name).name
    for name in (
        *("latin-1", "koi8-r", "koi8-u", "cp866", "cp874", "mac_roman", "mac_cyrillic"),
        *(f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)),
        *(f"cp125{digit}" for digit in range(9)),
    )
)
_KNOWN = _SINGLE_BYTE | {
    codecs.lookup(name).name
    for name in (
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gbk", "gb18030", "big5", "big5hkscs", "euc_kr", "cp949"),
    )
}

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_BINARY_FAMILIES = ("image/", "audio/", "video/", "font/")
_TEXT_TYPES = frozenset(
    f"application/{name}"
    for name in (
        *("xml", "javascript", "x-javascript", "ecmascript", "yaml", "x-yaml", "x-www-form-urlencoded"),
        *("graphql", "sql", "jsonlines", "x-ndjson", "jsonl", "json-seq"),
    )
)


def media_type(content_type: str) -> str:
    """Return the type of a header ``Content-Type`` without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def declared_charset(content_type: str) -> str | None:
    """Return the character set that a header ``Content-Type`` names, as Python calls it; None if it is unknown."""
    for parameter in content_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            name = value.strip(" \t\"'").lower()
            try:
                known = codecs.lookup(_OTHER_NAMES.get(name, name)).name
            except (LookupError, ValueError):  # unknown, or not even a name
                return None
            return known if known in _KNOWN else None
    return None


def is_json(content_type: str) -> bool:
    """Tell whether a header ``Content-Type`` says JSON."""
    kind = media_type(content_type)
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


async def json_as_utf8(body: bytes, content_type: str) -> bytes:
    """Return a JSON body in UTF-8, without a byte order mark.

    RFC 8259 knows UTF-8 only, its forerunners UTF-16 and UTF-32, told by the zeros of the first characters.
    Others must be declared. A set of one byte a character is declared by servers that have not looked, so the
    bytes count first: text in such a set is never UTF-8 by chance.

    Raises:
        UnicodeDecodeError: it is not in the set that it must be in.
    """
    charset, text = _by_mark(body)
    charset = charset or _by_zeros(body) or declared_charset(content_type) or "utf-8"
    if charset in _SINGLE_BYTE and await _is_utf8(text):
        charset = "utf-8"
    if charset == "utf-8":
        await check_utf8(text)  # the parser does not look inside of strings
        return text
    return b"".join([part.encode() for part in await _parts(text, charset, "strict")])


async def text_of(body: bytes, content_type: str) -> str | None:
    """Return a body as text; None for one that is binary.

    What says that it is text is taken for it, and what is none in its character set is replaced; pictures, sounds
    and fonts are binary. All else is text where it is UTF-8 without a zero.
    """
    kind = media_type(content_type)
    declared = declared_charset(content_type)
    says_text = kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+xml", "+yaml", "+text"))
    if not says_text and declared is None and (kind.startswith(_BINARY_FAMILIES) or not await _is_plain(body)):
        return None
    charset, text = _by_mark(body)
    return "".join(await _parts(text, charset or declared or "utf-8", "replace"))


def _by_mark(body: bytes) -> tuple[str | None, bytes]:
    """Return the set that a byte order mark tells, and what stands behind it."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return charset, body[len(mark) :]
    return None, body


def _by_zeros(body: bytes) -> str | None:
    """Return the wide set that a JSON text without a mark is in: it begins with ASCII."""
    zeros = [byte == 0 for byte in body[:4]]
    if zeros == [True, True, True, False]:
        return "utf-32-be"
    if zeros == [False, True, True, True]:
        return "utf-32-le"
    if zeros[:2] == [True, False]:
        return "utf-16-be"
    return "utf-16-le" if zeros[:2] == [False, True] else None


async def _is_plain(body: bytes) -> bool:
    return b"\0" not in body and await _is_utf8(body)


async def _is_utf8(body: bytes) -> bool:
    try:
        await check_utf8(body)
    except UnicodeDecodeError:
        return False
    return True


async def _parts(body: bytes, charset: str, errors: str) -> list[str]:
    decoder = codecs.getincrementaldecoder(charset)(errors)
    parts = []
    for start in range(0, len(body), SLICE_BYTES):
        parts.append(decoder.decode(body[start : start + SLICE_BYTES]))
        await trio.lowlevel.checkpoint()
    return [*parts, decoder.decode(b"", final=True)]
