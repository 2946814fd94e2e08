"""Unknown outcomes by command: listed, decided with a reason, and asked once more at a terminal."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from deliveries.commands.base import DeliveriesCommand
from deliveries.models import Try
from deliveries.tests.doubts import in_doubt
from deliveries.tests.factories import person

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments):
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_commands_list_and_decide():
    delivery = in_doubt()
    starter = person("start", delivery.unit)

    listed = run("list_doubts", delivery.name)
    some = run(
        "resolve_doubts", delivery.name, "--count-as-sent", "--seq", 1, "--reason", "They wrote back",
        "--as", starter.username,
    )  # fmt: skip
    rest = run(
        "resolve_doubts", delivery.name, "--send-again", "--all", "--reason", "Not a trace of it",
        "--as", starter.username,
    )  # fmt: skip

    assert [row["seq"] for row in listed["doubts"]] == [1, 2]
    assert listed["doubts"][0]["address"]
    assert (some["done"], some["left"]) == (1, 1)
    assert (rest["done"], rest["left"], rest["status"]) == (1, 0, "sending")


def test_the_command_asks_for_a_reason():
    delivery = in_doubt()

    with pytest.raises(CommandError) as failure:
        run(
            "resolve_doubts",
            delivery.name,
            "--hold",
            "--all",
            "--as",
            person("start", delivery.unit).username,
        )

    assert failure.value.returncode == 2


@pytest.mark.parametrize(
    ("typed", "more", "done"), [("no", [], False), ("ok", [], True), (None, ["--yes"], True)]
)
def test_sending_again_is_asked_once_more_at_a_terminal(monkeypatch, typed, more, done):
    delivery = in_doubt()
    asked = []
    monkeypatch.setattr(DeliveriesCommand, "asks", True)
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or typed)
    by = person("start", delivery.unit).username
    call = ["resolve_doubts", delivery.name, "--send-again", "--all", "--reason", "Lost", "--as", by, *more]

    if done:
        call_command(*call, stdout=StringIO())
    else:
        with pytest.raises(CommandError):
            call_command(*call, stdout=StringIO())

    assert Try.objects.filter(delivery=delivery).exists() == done
    assert bool(asked) == (typed is not None)
