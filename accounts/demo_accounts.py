"""Who the people of the demo are; `demo` makes them. A page and a command may name them before there is a database."""

from dataclasses import dataclass

from django.utils.translation.trans_null import gettext_noop as n_  # the other one asks for settings

PASSWORD = "cafezinho"  # of demo accounts only: they are made on embedded services alone


@dataclass(frozen=True)
class DemoAccount:
    username: str
    name: tuple[str, str]
    roles: tuple[str, ...]
    unit: str | None  # None: above all
    what_for: str
    enters_desk: bool = False
    is_superuser: bool = False
    roles_above_all: tuple[str, ...] = ()


COMPANY, BRAZIL, EUROPE = "Serra Alta Café", "Brasil", "Europe"

ACCOUNTS = (
    DemoAccount("ana", ("Ana", "Ribeiro"), ("prepare",), BRAZIL, "Prepare deliveries", True),
    DemoAccount("bruno", ("Bruno", "Tavares"), ("approve",), BRAZIL, "Approve deliveries", True),
    DemoAccount("carla", ("Carla", "Nogueira"), ("start",), BRAZIL, "Start deliveries", True),
    DemoAccount("ines", ("Inês", "Carvalho"), ("import",), BRAZIL, "Import", roles_above_all=("attributes",)),
    DemoAccount("edu", ("Eduardo", "Pires"), ("export",), BRAZIL, "Export"),
    DemoAccount("diego", ("Diego", "Fonseca"), ("administration",), None, "Administration", True, True),
    DemoAccount("nadia", ("Nadia", "Köhler"), ("prepare",), EUROPE, n_("Prepare, in Europe only")),
)
# (role, user name, password), as `make run` prints them.
DEMO_ACCOUNTS = [(account.what_for, account.username, PASSWORD) for account in ACCOUNTS]
