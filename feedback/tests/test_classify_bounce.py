"""What `manage.py classify_bounce` prints, and how it ends."""

import io
import json
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from feedback.reports.tests.mails import WRITTEN_TO, delivery_report, mail

HARD = delivery_report("smtp; 550 5.1.1 user unknown", status="5.1.1")


def classified(*names: str, **options: object) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("classify_bounce", *map(str, names), stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_for_each_recipient(tmp_path):
    (tmp_path / "hard.eml").write_bytes(HARD)

    [line] = classified(tmp_path / "hard.eml")

    assert list(line) == ["file", "kind", "reason", "status", "recipient", "rule"]
    assert line == {
        "file": str(tmp_path / "hard.eml"),
        "kind": "hard",
        "reason": "user_unknown",
        "status": "5.1.1",
        "recipient": WRITTEN_TO,
        "rule": "user-unknown",
    }


def test_a_mail_that_speaks_of_nobody_has_a_line_without_a_recipient(tmp_path):
    (tmp_path / "reply.eml").write_bytes(mail("Ana <ana@example.org>", "Re: hello", "Thanks"))

    [line] = classified(tmp_path / "reply.eml")

    assert (line["kind"], line["reason"], line["recipient"]) == ("not_a_bounce", "ordinary", "")


def test_a_folder_is_read_with_those_in_it(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b.eml", "in/a.eml", "README.md", ".hidden.eml"):
        (tmp_path / name).write_bytes(HARD)

    assert [line["file"] for line in classified(tmp_path)] == [
        str(tmp_path / "b.eml"),
        str(tmp_path / "in/a.eml"),
    ]


def test_a_maildir_is_read_though_its_files_have_no_suffix(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1700000000.M1P1.host:2,S").write_bytes(HARD)

    assert len(classified(tmp_path)) == 1


def test_each_mail_of_an_mbox_is_read_and_numbered(tmp_path):
    between = b"From MAILER-DAEMON Mon Jan  1 10:00:00 2024\n"
    reply = mail("Ana <ana@example.org>", "Re: hello", "Thanks")
    (tmp_path / "box").write_bytes(b"\n\n".join([between + HARD, between + reply, between + HARD]))

    assert [(line["file"], line["kind"]) for line in classified(tmp_path / "box")] == [
        (f"{tmp_path / 'box'}#1", "hard"),
        (f"{tmp_path / 'box'}#2", "not_a_bounce"),
        (f"{tmp_path / 'box'}#3", "hard"),
    ]


@pytest.mark.parametrize("name", ["/nowhere", "/" + "x" * 300])
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_printed(tmp_path, name):
    (tmp_path / "hard.eml").write_bytes(HARD)
    out, err = io.StringIO(), io.StringIO()

    with pytest.raises(CommandError) as raised:
        call_command("classify_bounce", name, str(tmp_path / "hard.eml"), stdout=out, stderr=err)

    assert raised.value.returncode == 66
    assert name in err.getvalue()
    assert len(out.getvalue().splitlines()) == 1


def test_rules_that_are_not_understood_end_it_before_it_begins(tmp_path, settings):
    settings.BOUNCE_RULES = str(tmp_path / "none.toml")

    with pytest.raises(CommandError) as raised:
        classified("-")

    assert raised.value.returncode == 78


def test_it_reads_what_is_piped_in_and_does_not_mind_a_pipe_that_closes(tmp_path):
    (tmp_path / "hard.eml").write_bytes(HARD)
    command = [sys.executable, "manage.py", "classify_bounce", "-", *[str(tmp_path / "hard.eml")] * 3000]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(HARD)
    process.stdin.close()

    first = json.loads(process.stdout.readline())
    process.stdout.close()

    assert process.wait() == 0
    assert process.stderr.read() == b""
    assert (first["file"], first["kind"]) == ("-", "hard")
