"""Compiles the translations without gettext's programs."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from campaign.stack.errors import StackError


def compile_all(base_dir: Path) -> int:
    """Write a .mo beside each .po that is newer; return how many were written."""
    sources = [p for p in sorted(base_dir.glob("**/locale/*/LC_MESSAGES/*.po")) if ".venv" not in p.parts]
    return sum(_compile(source) for source in sources)


def _compile(source: Path) -> bool:
    target = source.with_suffix(".mo")
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return False
    try:
        with source.open("rb") as file:
            catalog = read_po(file, abort_invalid=True)
    except (PoFileError, ValueError) as error:
        raise StackError(f"{source} can't be read: {error}") from error
    draft = target.with_suffix(".mo.new")
    with draft.open("wb") as file:
        write_mo(file, catalog)
    draft.replace(target)
    return True
