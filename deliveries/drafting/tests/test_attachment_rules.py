"""Which files may be attached: what mail servers refuse is refused in words, names of any script are kept."""

import io
import zipfile

import pytest

from deliveries.drafting import attachment_rules
from deliveries.drafting.attachment_rules import BadAttachment

PDF = b"%PDF-1.7"


def zipped(*names, encrypted=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    octets = bytearray(file.getvalue())
    if encrypted:  # the flag in the local header and in the directory
        octets[6] |= 1
        octets[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("terms.pdf", "terms.pdf"),
        ("C:\\fakepath\\terms.pdf", "terms.pdf"),
        ("/home/ana/terms.pdf", "terms.pdf"),
        (" Preços.pdf ", "Preços.pdf"),
        ("क्षि\u200cति.pdf", "क्षि\u200cति.pdf"),
        ("👩‍👩‍👧.png", "👩‍👩‍👧.png"),
        ("عرض.pdf", "عرض.pdf"),
        ("setup.exe.pdf", "setup.exe.pdf"),
        ("README", "README"),
    ],
)
def test_a_name_of_any_script_is_kept(name, kept):
    assert attachment_rules.checked(name, PDF) == kept


@pytest.mark.parametrize(
    ("name", "octets", "said"),
    [
        ("setup.exe", PDF, "end in .exe"),
        ("SETUP.EXE", PDF, "end in .exe"),
        ("setup.exe.", PDF, "end in .exe"),
        ("setup.exe. . ", PDF, "end in .exe"),
        ("setup.ex\u200be", PDF, "end in .exe"),
        ("setup.ｅｘｅ", PDF, "end in .exe"),
        ("setup.exe::$DATA", PDF, "end in .exe"),
        (".js", PDF, "end in .js"),
        ("invoice.pdf.js", PDF, "end in .js"),
        ("a.lnk", PDF, "end in .lnk"),
        ("a\u202efdp.exe", PDF, "direction of writing"),
        ("a\r\nb.pdf", PDF, "control characters"),
        ("a\x00.pdf", PDF, "control characters"),
        ("a\ud800.pdf", PDF, "control characters"),
        ("", PDF, "no name"),
        ("a/", PDF, "no name"),
        ("...", PDF, "no name"),
        ("x" * 151, PDF, "longer than 150"),
        ("a.pdf", b"", "is empty"),
        ("a.pdf", b"MZ\x90\x00\x03\x00", "is a program"),
        ("a.pdf", b"\x7fELF\x02", "is a program"),
        ("a.zip", zipped("docs/a.pdf", "bin/setup.EXE"), "setup.EXE"),
        ("a.docx", zipped("word/a.js"), "a.js"),
        ("a.zip", zipped("a.pdf", encrypted=True), "asks for a password"),
        ("a.zip", zipped(*(f"{number}.txt" for number in range(1001))), "more than 1000 files"),
    ],
)
def test_what_can_not_be_sent_is_refused_in_words(name, octets, said):
    with pytest.raises(BadAttachment, match=said):
        attachment_rules.checked(name, octets)


@pytest.mark.parametrize(
    ("name", "octets"),
    [("a.zip", zipped("a.pdf")), ("a.zip", b"PK\x03\x04 broken"), ("mz.csv", b"MZ;Mozambique\n" * 9)],
)
def test_what_only_looks_odd_is_taken(name, octets):
    assert attachment_rules.checked(name, octets) == name


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("Preços.PDF", "application/pdf"),
        ("a.csv", "text/csv"),
        ("a.png", "image/png"),
        ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.pdf?x", "application/octet-stream"),
    ],
)
def test_the_type_is_what_the_end_of_the_name_says(name, media_type):
    assert attachment_rules.media_type(name) == media_type
