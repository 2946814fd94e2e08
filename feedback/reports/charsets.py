"""Bytes of any kind to text: as declared, else as they look, and never with an error."""

import re

from charset_normalizer import from_bytes

_SAMPLE = 4096  # bytes that are looked at where no charset is declared, or a wrong one
# Some of Python's codecs are no charsets, and some take time that grows with the square of the text.
_CHARSETS = re.compile(
    r"(?:us-?)?ascii|utf[-_]?(?:7|8|16|32)(?:[-_]?[bl]e)?|iso[-_]?(?:8859|2022)[-_\w]*|latin[-_]?\d|"
    r"(?:windows|cp|ibm)[-_]?\d{3,5}|koi8[-_]?[rut]|gbk|gb[-_]?\d+|hz(?:-gb-2312)?|big5(?:[-_]?hkscs)?|"
    r"euc[-_]?(?:jp|kr|cn|tw)|shift[-_]?jis|sjis|ks[-_]?c[-_]?5601[-_\d]*|tis-?620|mac[-_]?\w{1,12}"
)
_OTHER_NAMES = {"unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "ansi_x3.4-1968": "ascii"}
_LIKELY = ["cp1252", "gb18030", "cp1251", "koi8_r", "shift_jis", "euc_jp", "iso2022_jp", "big5", "euc_kr"]


def text_of(payload: bytes, charset: str | None) -> str:
    """Return the bytes as text; what can't be read stands as a replacement character."""
    name = (charset or "").strip().strip("\"'").lower()[:40]
    name = _OTHER_NAMES.get(name, name)
    for tried in (name, "utf-8"):
        if tried and _CHARSETS.fullmatch(tried) and (text := _decoded(payload, tried)) is not None:
            return text
    if likely := _looks_like(payload):
        return payload.decode(likely, "replace")
    return payload.decode("latin-1")


def _decoded(payload: bytes, charset: str) -> str | None:
    if charset in ("ascii", "us-ascii") and not payload.isascii():
        return None  # declared by many that send something else
    try:
        text = payload.decode(charset)
        text.encode()  # UTF-7 can say what no text has: half of a pair of surrogates
    except (LookupError, UnicodeError):
        return None
    return text


def _looks_like(payload: bytes) -> str | None:
    best = from_bytes(payload[:_SAMPLE], steps=2, cp_isolation=_LIKELY, preemptive_behaviour=False).best()
    return best.encoding if best else None
