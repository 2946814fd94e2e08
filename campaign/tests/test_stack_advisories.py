import json
import subprocess

import pytest

from campaign.stack import advisories


@pytest.fixture
def answered(monkeypatch, tmp_path):
    """Let pip-audit, which asks an index, have answered this; returns the exit code."""

    def audit(packages, *, stderr=""):
        answer = json.dumps({"dependencies": packages}) if packages is not None else ""
        done = subprocess.CompletedProcess([], 1, answer, stderr)
        monkeypatch.setattr(advisories, "_ask", lambda base_dir: done)
        return advisories.audit(tmp_path)

    return audit


CLEAN = {"name": "rq", "version": "3.0", "vulns": []}
NAMED = {"name": "django", "version": "5.2.0", "vulns": [{"id": "CVE-2025-1", "fix_versions": ["5.2.1"]}]}
UNKNOWN = {
    "name": "idna",
    "skip_reason": "Dependency not found on PyPI and could not be audited: idna (3.20)",
}


def test_a_version_that_an_advisory_names_fails_with_its_mend(answered, capsys):
    assert answered([CLEAN, NAMED]) == 1
    assert "django 5.2.0: CVE-2025-1, mended in 5.2.1" in capsys.readouterr().out


def test_nothing_named_is_well(answered, capsys):
    assert answered([CLEAN]) == 0
    assert "no advisory names what is pinned" in capsys.readouterr().out


@pytest.mark.parametrize(("packages", "stderr"), [([UNKNOWN], ""), (None, "no network")])
def test_where_no_advisory_can_be_had_it_is_skipped_with_the_reason(answered, capsys, packages, stderr):
    assert answered(packages, stderr=stderr) == 0

    said = capsys.readouterr().out
    assert "skipped" in said
    assert "could not be audited" in said or "no network" in said


def test_what_could_not_be_asked_about_is_said(answered, capsys):
    assert answered([CLEAN, UNKNOWN]) == 0
    assert "of 1 of 2 versions nothing could be had" in capsys.readouterr().out
