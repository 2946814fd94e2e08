"""Files that are no CSV, known by their first octets, and what to do with each."""

import re

from django.utils.translation import gettext_noop as n_

ARCHIVE = n_("This is a packed file (%(kind)s), not CSV. Unpack it, and import the CSV file that is in it.")
PDF = n_("This is a PDF, from which no rows can be read. Ask for the same as CSV.")
PICTURE = n_("This is a picture, not CSV. Ask for the rows as CSV.")
PAGE = n_(
    "This is a page of HTML or XML, not CSV. Open it in a spreadsheet, choose Save as, CSV UTF-8, and import that."
)
JSON = n_("This is JSON, not CSV. Ask for the same as CSV, with a row of column names.")
DOCUMENT = n_("This is a document of a word processor, not CSV. Save its table as CSV, and import that.")

LOOKED_AT = 4_096  # octets

_ARCHIVES = {
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"\x1f\x8b": "GZIP",
    b"BZh": "BZIP2",
    b"\xfd7zXZ": "XZ",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_OTHERS = (
    (b"%PDF", PDF),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"{\\rtf", DOCUMENT),
)
_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|table|\?xml|div|script)\b", re.IGNORECASE)
_JSON = re.compile(rb'\s*(?:\[\s*[\[{"]|\{\s*")')
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_IN_WORKBOOK = (
    b"xl/", b"[Content_Types].xml", b"application/vnd.oasis.opendocument.spreadsheet", b"content.xml",
    b"META-INF/manifest.xml",
)  # fmt: skip
_IN_DOCUMENT = (b"word/", b"application/vnd.oasis.opendocument.text")


def no_csv(head: bytes) -> tuple[str, dict[str, str]] | None:
    """What a file is that begins like this and is no table, as a sentence with its slots; None for others."""
    for magic, reason in _OTHERS:
        if head.startswith(magic):
            return reason, {}
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return PICTURE, {}
    for magic, kind in _ARCHIVES.items():
        if head.startswith(magic):
            return _packed(head, kind)
    bare = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(bare):
        return PAGE, {}
    return (JSON, {}) if _JSON.match(bare) else None


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins like this may be a workbook of Excel or LibreOffice."""
    if head.startswith(_OLD_OFFICE):
        return True
    if not head.startswith(b"PK\x03\x04") or any(name in head for name in _IN_DOCUMENT):
        return False
    return any(name in head for name in _IN_WORKBOOK)


def _packed(head: bytes, kind: str) -> tuple[str, dict[str, str]]:
    if kind == "ZIP" and any(name in head for name in _IN_DOCUMENT):
        return DOCUMENT, {}
    return ARCHIVE, {"kind": kind}
