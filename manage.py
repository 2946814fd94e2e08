#!/usr/bin/env python
"""Run Sinete's management commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from campaign.lib import pipes

    pipes.outlive_readers()
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if os.environ.get("DATABASE_URL"):
            raise
        sys.exit(
            f"PostgreSQL can't be reached: start `make run`, or set DATABASE_URL.\n({str(error).splitlines()[0]})"
        )


if __name__ == "__main__":
    main()
