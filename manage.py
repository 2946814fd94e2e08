#!/usr/bin/env python
"""Run Sinete's management commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError
    from environs import EnvError

    from campaign.lib import memory, pipes

    pipes.outlive_readers()
    try:
        _apps = settings.INSTALLED_APPS  # reads the environment
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(f"The environment makes no sense: {error}")
    with memory.while_loading():
        django.setup()
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None):  # it was reached, and said something
            raise
        advice = (
            "look at DATABASE_URL"
            if os.environ.get("DATABASE_URL")
            else "start `make run`, or set DATABASE_URL"
        )
        sys.exit(f"PostgreSQL can't be reached: {advice}.\n({str(error).splitlines()[0]})")


if __name__ == "__main__":
    main()
