"""Which files may go along with messages: what mail servers refuse is refused here, in words.

Nothing here touches the database.
"""

import io
import mimetypes
import unicodedata
import zipfile
import zlib

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from deliveries.models.attachment import LONGEST_NAME

# Ends of names that Gmail, Outlook or both turn away: programs, scripts, shortcuts, installers, images of disks.
REFUSED = frozenset(
    "ade adp apk app appcontent-ms application appref-ms appx appxbundle asp aspx asx bas bat bgi cab cer chm"
    " cmd cnt com command cpl crt csh der diagcab diagcfg diagpkg dll dmg ex ex_ exe fxp gadget grp hlp hpj hta"
    " htc img inf ins iso isp its jar jnlp js jse ksh lib library-ms lnk mad maf mag mam maq mar mas mat mau"
    " mav maw mcf mda mdb mde mdt mdw mdz mht mhtml mjs msc msh msh1 msh1xml msh2 msh2xml mshxml msi msix"
    " msixbundle msp mst msu nsh ops osd pcd pif pkg pl plg prf prg printerexport ps1 ps1xml ps2 ps2xml psc1"
    " psc2 psd1 psdm1 pssc py pyc pyo pyw pyz pyzw reg scf scr sct search-ms settingcontent-ms shb shs sys"
    " theme tmp udl url vb vbe vbp vbs vhd vhdx vsmacros vsw vxd webpnp website wim ws wsb wsc wsf wsh xbap xll"
    " xnk".split()
)
MOST_IN_ZIP = 1_000
_TYPES = mimetypes.MimeTypes()  # Python's own table, whatever this machine says
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
# How programs of Linux, of macOS and of Java begin.
_PROGRAMS = tuple(
    map(bytes.fromhex, ("7f454c46", "feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe"))
)


class BadAttachment(Refusal):
    message = _("“%(name)s” can't be attached: %(cause)s")
    code = "bad_attachment"


def checked(name: str, octets: bytes) -> str:
    """Return the name as it will be sent; raise BadAttachment where the file can't be."""
    name = checked_name(name)
    if cause := _cause(name, octets):
        raise BadAttachment(name=name, cause=cause)
    return name


def checked_name(name: str) -> str:
    """Return the name of a file without the folder that some browsers send along.

    Raise BadAttachment for a name that can't be sent, or that mail servers refuse.
    """
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    if cause := _cause_in_name(name):
        shown = "".join(character if character.isprintable() else "\ufffd" for character in name[:100])
        raise BadAttachment(name=shown, cause=cause)
    return name


def media_type(name: str) -> str:
    """Return the type that the end of a name says; one that says nothing is application/octet-stream."""
    guessed, encoding = _TYPES.guess_type(f"x.{_ending(name)}")
    return guessed if guessed and not encoding else "application/octet-stream"


def _cause_in_name(name: str) -> str | Promise:
    if not name or not name.strip(". "):
        return _("the file has no name.")
    if len(name) > LONGEST_NAME:
        return _("its name is longer than %d characters.") % LONGEST_NAME
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        return _("its name holds line breaks or control characters.")
    if _TURNING.intersection(name):
        return _(
            "its name holds characters that turn the direction of writing, and would show another ending."
        )
    return _cause_in_ending(name)


def _cause_in_ending(name: str) -> str | Promise:
    ending = _ending(name)
    if ending in REFUSED:
        return _("mail servers refuse files that end in .%s.") % ending
    return ""


def _ending(name: str) -> str:
    """The end of a name as a computer takes it: whatever nobody sees, and dots and spaces behind it, do not count."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKC", name)
        if unicodedata.category(character) not in {"Cf", "Mn", "Cn", "Co"}
    )
    return plain.partition("::")[0].rstrip(". ").rpartition(".")[2].strip().casefold()


def _cause(name: str, octets: bytes) -> str | Promise:
    if not octets:
        return _("the file is empty.")
    if octets.startswith(_PROGRAMS) or (octets[:2] == b"MZ" and b"\0" in octets[:64]):
        return _("it is a program, whatever its name says.")
    if octets[:4] == b"PK\x03\x04":
        return _cause_in_zip(octets)
    return ""


def _cause_in_zip(octets: bytes) -> str | Promise:
    """What servers look for in an archive; its members are listed and never unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        return ""  # no archive that anybody could open
    if len(members) > MOST_IN_ZIP:
        return _("the archive holds more than %d files.") % MOST_IN_ZIP
    if any(member.flag_bits & 1 for member in members):
        return _("the archive asks for a password, and mail servers can't look inside.")
    for member in members:
        if _ending(member.filename) in REFUSED:
            said = {"file": member.filename[-60:]}
            return _("the archive holds “%(file)s”, and mail servers refuse such files.") % said
    return ""
