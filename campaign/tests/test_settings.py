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
