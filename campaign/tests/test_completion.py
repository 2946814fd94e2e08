"""The shell completes commands and their options."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

FILE = Path(settings.BASE_DIR) / "docs" / "deployment" / "completion.bash"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash isn't installed")
def test_bash_completes_the_name_of_a_command():
    script = f"source {FILE}; COMP_WORDS=(./manage.py list_deliv); COMP_CWORD=1; _sinete_by_itself; echo ${{COMPREPLY[@]}}"

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=settings.BASE_DIR,
        env={"SINETE_PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "list_deliveries"
