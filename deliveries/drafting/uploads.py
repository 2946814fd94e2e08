"""Content from a file: an HTML page, or a zip with a page and its pictures.

A picture's name holds its fingerprint, and the page refers to that name. So another picture makes another page, and
with it another version and another seal.
"""

import codecs
import hashlib
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import quote, unquote

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.drafting import picture_octets
from deliveries.models import Asset, Content, Delivery

MOST_BYTES = 20 * 1024 * 1024  # of the file as it comes, and of all that is in it
MOST_HTML_BYTES = 2 * 1024 * 1024
MOST_PICTURE_BYTES = 5 * 1024 * 1024
MOST_FILES = 300
PAGES = (".html", ".htm")
# What unpacks no more at a time than is asked for; the others unpack whole blocks, and 555 octets can hold 400 MB.
UNPACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
MARK = 12  # hex digits of a picture's fingerprint in its name
_BETWEEN = re.compile(r"""["'()\s,=>?#]""")  # characters that enclose a path and are rarely part of one
_PATH = re.compile(r"""(?<=["'(\s,=])(?:\./|/)?(?P<path>[^"'()\s,=>?#]++)(?=["')\s,>?#])""")
_MARKED = re.compile(rf"\.[0-9a-f]{{{MARK}}}(?=\.[A-Za-z]+$)")
# Those that pages are written in; Python knows others that are no encodings of text, or slow ones.
ENCODINGS = frozenset(
    "ascii utf-8 utf-16 utf-16-le utf-16-be iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7"
    " iso8859-8 iso8859-9 iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 cp1250 cp1251 cp1252 cp1253 cp1254"
    " cp1255 cp1256 cp1257 cp1258 cp866 cp874 koi8-r koi8-u mac-roman mac-cyrillic gb2312 gbk gb18030 big5 big5hkscs"
    " euc_jp iso2022_jp shift_jis cp932 euc_kr cp949 tis-620".split()
)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", re.I)


class BadUpload(Refusal):
    message = _("The file was not taken in: %(cause)s")
    code = "bad_upload"


@dataclass(frozen=True)
class Picture:
    path: str
    media_type: str
    octets: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()

    @property
    def marked_path(self) -> str:
        """Return the path with the fingerprint in the name: images/hero.1f0c….png."""
        path = PurePosixPath(self.path)
        return str(path.with_name(f"{path.stem[:100]}.{self.sha256[:MARK]}{self._suffix(path)}"))

    def _suffix(self, path: PurePosixPath) -> str:
        is_plain = path.suffix[1:].isascii() and path.suffix[1:].isalpha()
        return path.suffix if is_plain else f".{self.media_type.rpartition('/')[2]}"


@dataclass(frozen=True)
class Upload:
    """What a file held: the page, its pictures, and the names of files that were left out."""

    html: str
    pictures: tuple[Picture, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Brought:
    """The receipt of an upload: the new version, how many pictures came along, and what was left out."""

    content: Content
    pictures: int
    left_out: tuple[str, ...]


@transaction.atomic
def bring_in(
    *, delivery: Delivery, by: User, at: datetime, name: str, file: IO[bytes], **parts: str
) -> Brought:
    """Make the page of the file the new version, with other parts if given; keep its pictures, to serve them."""
    access.require(by, Right.PREPARE, delivery)
    upload = read(name, file)
    Asset.objects.bulk_create(
        [
            Asset(
                delivery=delivery, path=p.marked_path, sha256=p.sha256, media_type=p.media_type, data=p.octets
            )
            for p in upload.pictures
        ],
        ignore_conflicts=True,
    )
    html = with_marked_paths(upload.html, {p.path: p.marked_path for p in upload.pictures})
    content = drafting.write(delivery=delivery, by=by, at=at, **{**parts, "html": html})
    audit.record("upload_content", by=by, target=delivery, file=name[:200], pictures=len(upload.pictures))
    return Brought(content, len(upload.pictures), upload.left_out)


def for_pasted(delivery: Delivery, html: str) -> str:
    """Return pasted HTML with each picture's own name replaced by that of the latest picture uploaded under it."""
    rows = delivery.assets.order_by("pk").values_list("path", flat=True)
    return with_marked_paths(html, {_MARKED.sub("", path): path for path in rows})


def with_marked_paths(html: str, renamed: Mapping[str, str]) -> str:
    """Return the page with each path, however it is spelled (./, %20), replaced where it stands as a whole."""
    spelled = {form: quote(new) for old, new in renamed.items() for form in _spellings(old)}
    odd = [form for form in spelled if _BETWEEN.search(form)]
    for form in sorted(odd, key=len, reverse=True):
        pattern = rf"""(?<=["'(\s,=])(?:\./|/)?{re.escape(form)}(?=["')\s,>?#])"""
        html = re.sub(pattern, spelled[form], html)
    return _PATH.sub(lambda path: spelled.get(path.group("path"), path.group()), html)


def _spellings(path: str) -> set[str]:
    """Return the ways in which pages may write a path: plain or percent-encoded, accents composed or not.

    macOS writes names of files with accents as characters of their own, and pages don't.
    """
    forms = {path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD"))}
    return forms | {quote(form) for form in forms}


# -- reading: nothing below touches the database --------------------------------------------------------


def read(name: str, file: IO[bytes]) -> Upload:
    """Return what the file holds; raise BadUpload, with the cause, where it can't be used."""
    head = file.read(4)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return _from_zip(file)
    if name.lower().endswith(".zip"):
        raise BadUpload(cause=_("it is called .zip and is none."))
    if not name.lower().endswith(PAGES):
        raise BadUpload(cause=_("choose an .html file, or a .zip with a page and its pictures."))
    return Upload(_page(file.read(MOST_HTML_BYTES + 1)))


# ValueError: a name that is not in the letters it says it is in.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError
)  # fmt: skip


def _from_zip(file: IO[bytes]) -> Upload:
    try:
        with zipfile.ZipFile(file) as archive:
            return _from_archive(archive)
    except _DAMAGED as error:
        raise BadUpload(cause=_("the zip can't be read.")) from error


def _from_archive(archive: zipfile.ZipFile) -> Upload:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES:
        raise BadUpload(cause=_("it holds more than %(most)s files.") % {"most": MOST_FILES})
    if any(member.flag_bits & 1 for member in members):
        raise BadUpload(cause=_("the zip asks for a password."))
    if any(member.compress_type not in UNPACKED for member in members):
        raise BadUpload(
            cause=_("the zip is packed in a way that few programs unpack: pack it anew as usual (Deflate).")
        )
    paths = {_safe_path(member.filename): member for member in members}
    paths = {path: member for path, member in paths.items() if not _is_litter(path)}
    page_path = _the_page(paths)
    budget = _Budget(archive)
    html = _page(budget.read(paths.pop(page_path), MOST_HTML_BYTES))
    pictures, left_out = [], []
    for path, member in sorted(paths.items()):
        octets = budget.read(member, MOST_PICTURE_BYTES)
        media_type = picture_type(octets)
        if media_type:
            pictures.append(Picture(_seen_from(page_path, path), media_type, octets))
        else:
            left_out.append(path)
    return Upload(html, tuple(_without_words(pictures)), tuple(left_out))


def _without_words(pictures: list[Picture]) -> Iterator[Picture]:
    """The pictures without what cameras write into them, those turned that are meant to be seen otherwise."""
    said = [picture for picture in pictures if picture_octets.may_say_more(picture.octets)]
    cleaned = dict(
        zip(said, picture_octets.looked_at([one.octets for one in said]) if said else [], strict=True)
    )
    for picture in pictures:
        found = cleaned.get(picture)
        if found is None:
            yield picture
        elif found.refused:
            raise BadUpload(cause=_("“%(path)s” is damaged or too large.") % {"path": picture.path[:100]})
        else:
            yield Picture(picture.path, found.media_type, found.octets)


class _Budget:
    """Unpacks members within a limit of octets, whatever sizes the archive declares."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.left = archive, MOST_BYTES

    def read(self, member: zipfile.ZipInfo, most: int) -> bytes:
        """Return the member unpacked; raise BadUpload beyond `most` bytes, or what is left for the whole file."""
        with self.archive.open(member) as stream:
            octets = stream.read(min(most, self.left) + 1)
        if len(octets) > most:
            raise BadUpload(cause=_("“%(path)s” is too large.") % {"path": member.filename[:100]})
        if len(octets) > self.left:
            raise BadUpload(cause=_("unpacked it is larger than 20 MB."))
        self.left -= len(octets)
        return octets


def _is_litter(path: str) -> bool:
    """Whether the path is one that operating systems add to a zip by themselves."""
    return (
        path.startswith("__MACOSX/") or PurePosixPath(path).name.startswith(".") or path.endswith("Thumbs.db")
    )


def _safe_path(path: str) -> str:
    pure = PurePosixPath(path.replace("\\", "/"))
    parts = pure.parts or ("..",)
    if pure.is_absolute() or ".." in parts or ":" in parts[0] or len(str(pure)) > 200:
        raise BadUpload(cause=_("the path “%(path)s” leads out of the zip.") % {"path": path[:100]})
    return str(pure)


def _the_page(paths: Iterable[str]) -> str:
    pages = [path for path in paths if path.lower().endswith(PAGES)]
    highest = min((path.count("/") for path in pages), default=0)
    pages = [path for path in pages if path.count("/") == highest]
    named_index = [path for path in pages if PurePosixPath(path).stem.lower() == "index"]
    chosen = named_index or pages
    if not chosen:
        raise BadUpload(cause=_("there is no .html file in the zip."))
    if len(chosen) > 1:
        names = ", ".join(sorted(chosen)[:5])
        raise BadUpload(
            cause=_("there is more than one page (%(names)s): call one index.html.") % {"names": names}
        )
    return chosen[0]


def _seen_from(page_path: str, path: str) -> str:
    """Return the picture's path relative to the page."""
    folder = str(PurePosixPath(page_path).parent)
    return path if folder == "." or not path.startswith(f"{folder}/") else path[len(folder) + 1 :]


def _page(octets: bytes) -> str:
    if len(octets) > MOST_HTML_BYTES:
        raise BadUpload(cause=_("the page is larger than 2 MB."))
    if b"\x00" in octets[:1024] and not octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadUpload(cause=_("the page is not text."))
    for encoding in _encodings(octets):
        try:
            return octets.decode(encoding).replace("\x00", "")
        except (ValueError, LookupError):
            continue
    raise BadUpload(cause=_("the page's encoding is not known: save it as UTF-8."))


def _encodings(octets: bytes) -> list[str]:
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    declared = _CHARSET.search(octets[:2048])
    named = [_known(declared.group(1).decode("ascii"))] if declared else []
    return ["utf-8-sig", *filter(None, named), "cp1252", "latin-1"]


def _known(name: str) -> str:
    """Return the encoding of this name, if pages are written in it."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    return found if found in ENCODINGS else ""


def picture_type(octets: bytes) -> str:
    """The media type that the first octets show; empty for anything that we don't serve. SVG can hold script."""
    if octets.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if octets.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if octets.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "image/webp"
    return ""


def original_name(path: str) -> str:
    """The name under which the author uploaded a picture."""
    return unquote(_MARKED.sub("", path))
