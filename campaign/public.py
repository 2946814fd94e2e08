"""The short way for what anybody may ask for: pixels, links, mirror pages, pages to opt out, pictures.

Messages bring far more of these requests than people at work make, and nobody is signed in for them: what reads
sessions, accounts, forms and messages stands behind this, and is not asked.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.locale import LocaleMiddleware
from django.urls import Resolver404, get_resolver

from accounts import audit

Handler = Callable[[HttpRequest], Any]  # an answer; Django's own middleware says that it may be awaited too

# These answer with a picture or a redirect: a language is chosen only where they must show a page instead.
_WORDLESS = frozenset({"/o/", "/c/"})


class PublicPaths:
    """Answers what the public addresses name; everything else, and what they do not name, goes on as ever."""

    def __init__(self, get_response: Handler) -> None:
        self._others = get_response
        self._prefixes: frozenset[str] = import_module(settings.PUBLIC_URLCONF).PREFIXES
        self._resolver = get_resolver(settings.PUBLIC_URLCONF)
        self._wordless = _chain(self._answer)
        self._in_words = _chain(LocaleMiddleware(convert_exception_to_response(self._answer)))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        prefix = request.path_info[:3]
        if prefix not in self._prefixes:
            return self._others(request)
        try:
            request.resolver_match = self._resolver.resolve(request.path_info)
        except Resolver404:
            return self._others(request)
        return self._wordless(request) if prefix in _WORDLESS else self._in_words(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        match = request.resolver_match
        assert match is not None
        with audit.entered("page"):
            return match.func(request, *match.args, **match.kwargs)


def _chain(answer: Handler) -> Handler:
    for middleware in (XFrameOptionsMiddleware, CommonMiddleware):
        answer = middleware(convert_exception_to_response(answer))
    return convert_exception_to_response(answer)
