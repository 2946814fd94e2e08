"""Uploaded pictures: the address of ours that takes the place of a relative path."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

CSS_URL = re.compile(r"url\((?P<path>[^()]{1,2000})\)", re.I)


class Assets:
    """The absolute address of each uploaded picture, by the path that the author wrote."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = {_key(path): url for path, url in addresses.items()}

    def url(self, path: str) -> str:
        """Return the address of the picture at this path; nothing where none was uploaded."""
        return self._addresses.get(_key(path), "")

    def url_in_css(self, match: re.Match[str]) -> str:
        """Return the same for a match of CSS_URL."""
        return self.url(_unquoted(match.group("path")))

    def with_urls(self, css: str) -> str:
        """Return the style sheet or style with the addresses of uploaded pictures in it."""

        def absolute(match: re.Match[str]) -> str:
            url = self.url_in_css(match)
            return f"url('{url}')" if url else match.group()

        return CSS_URL.sub(absolute, css)


def _key(path: str) -> str:
    path = unquote(path.strip()).split("?")[0].split("#")[0].replace("\\", "/")
    return re.sub(r"\A(?:\./)*+/*+", "", path)


def _unquoted(path: str) -> str:
    """What stands between the brackets of a style sheet's url()."""
    path = path.strip()
    return path[1:-1] if path[:1] in ("'", '"') and path[:1] == path[-1:] else path
