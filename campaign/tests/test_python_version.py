"""The oldest Python that reads contents rightly."""

import sys

import pytest
from django.core.checks import run_checks


@pytest.mark.parametrize(
    ("version", "is_told"), [((3, 11, 4), True), ((3, 11, 5), False), ((3, 13, 0), False)]
)
def test_a_python_that_misreads_contents_is_told_of(monkeypatch, version, is_told):
    monkeypatch.setattr(sys, "version_info", version)

    assert ("sinete.E007" in {found.id for found in run_checks()}) == is_told
