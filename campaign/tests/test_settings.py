"""What the environment makes of the settings: without DEBUG they are the safe ones."""

import os
import subprocess
import sys

import pytest
from django.conf import settings


def check_deploy(**variables: str) -> "subprocess.CompletedProcess[str]":
    """`check --deploy` as an installation runs it, with nothing but these variables."""
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": os.environ["DATABASE_URL"], **variables},
        capture_output=True,
        text=True,
    )


PRODUCTION = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ALLOWED_HOSTS": "news.example.com",
    "PUBLIC_URL": "https://news.example.com",
    "TOKEN_KEYS": f"1={'ab' * 32}",
}


def test_a_deployment_with_the_variables_of_the_documentation_is_clean():
    checked = check_deploy(**PRODUCTION)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("missing", PRODUCTION)
def test_a_deployment_hears_of_what_is_missing(missing):
    checked = check_deploy(**{name: value for name, value in PRODUCTION.items() if name != missing})

    assert checked.returncode != 0
    assert missing in checked.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://root:secret@db/x"),
        ("DATABASE_URL", "secret"),
        ("PORT", "web"),
        ("REDIS_URL", "secret"),
        ("SINETE_RETRY_SECONDS", "60,soon"),
        ("SINETE_WEBHOOK_NETWORKS", "10.0.0.0/99"),
        ("TIME_ZONE", "America/Nowhere"),
        ("TOKEN_KEYS", "secret"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named_in_a_line(variable, value):
    said = check_deploy(**PRODUCTION | {variable: value})

    assert said.returncode == 1
    assert said.stderr.startswith("The environment makes no sense: ")
    assert variable in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert "secret" not in said.stderr


def test_a_database_that_is_away_is_told_in_two_lines():
    said = subprocess.run(
        [sys.executable, "manage.py", "list_users", "--as", "ana"],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            **PRODUCTION,
            "DATABASE_URL": "postgresql://sinete:secret@127.0.0.1:1/x",
        },
        capture_output=True,
        text=True,
    )

    assert said.returncode == 1
    assert said.stderr.startswith("PostgreSQL can't be reached: look at DATABASE_URL.\n")
    assert "secret" not in said.stderr
