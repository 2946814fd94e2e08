"""Each command of the product says in its help how it is called, by an example that it takes, and what its exit codes mean."""

import shlex
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, get_commands, load_command_class

NOT_OURS = ("makemessages", "migrate")  # Django's own, with something added
NAMES = sorted(
    name
    for name, app in get_commands().items()
    if apps.is_installed(str(app))
    and apps.get_app_config(str(app).rpartition(".")[2]).path.startswith(str(settings.BASE_DIR))
    and ".venv" not in apps.get_app_config(str(app).rpartition(".")[2]).path
    and name not in NOT_OURS
)


def parser_of(name: str) -> Any:
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_takes_the_example_of_its_own_help(name: str) -> None:
    parser = parser_of(name)
    lines = parser.epilog.split("example:\n")[1].split("\n\nexit codes:")[0].splitlines()

    for line in lines:
        words = shlex.split(line.split(" < ")[0].split(" > ")[0])
        assert words[:2] == ["manage.py", name]
        parser.parse_args(words[2:])


@pytest.mark.parametrize("name", NAMES)
def test_each_argument_of_a_command_is_explained(name: str) -> None:
    actions = parser_of(name)._actions

    assert [action.dest for action in actions if not action.help] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_in_one_verb_what_it_does_and_what_its_exit_codes_mean(name: str) -> None:
    parser = parser_of(name)
    first = parser.description.split()[0]

    assert first[0].isupper()
    assert not first.endswith("s") or first.endswith("ss")
    assert parser.format_help().split("exit codes:")[1].strip().startswith("0 ")


def test_long_sentences_are_wrapped_at_the_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    described = parser_of("erase_person").format_help().split("positional arguments:")[0].split("\n\n")[1]

    assert max(map(len, described.splitlines())) <= 80


def test_two_dashes_are_no_value_of_an_option() -> None:
    with pytest.raises(CommandError, match="--to: “--” is no value"):
        parser_of("export_profiles").parse_args(["--to=--", "--unit", "1"])


def test_there_are_commands() -> None:
    assert len(NAMES) > 100
