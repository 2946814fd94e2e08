"""Every text of ours has its Portuguese, and the file of translations knows the texts that the code has."""

import ast
import gettext as python_gettext
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

from accounts.tests.factories import UnitFactory, UserFactory
from campaign.stack.messages import compile_all
from deliveries.models import LogLine
from deliveries.tests.factories import DeliveryFactory, bring_to, person

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"
ALSO = {"_": "gettext", "_t": "gettext", "n_": "gettext"}
WITH_CONTEXT = {"pgettext", "npgettext"}
SLOT = re.compile(r"%(?:\(\w+\))?[sd]|%%")


def in_python(source: str) -> Iterator[tuple[str, str]]:
    """(context, msgid) of each call of gettext, under whatever of our names for it."""
    nodes = list(ast.walk(ast.parse(source)))
    # xgettext doesn't look into f-strings: a text in one is found by neither.
    hidden = {id(inner) for node in nodes if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or id(node) in hidden:
            continue
        name = ALSO.get(node.func.id, node.func.id).removesuffix("_lazy").removesuffix("_noop")
        texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
        if name in ("gettext", "ngettext") and texts and isinstance(texts[0], str):
            yield "", texts[0]
        elif name in WITH_CONTEXT and len(texts) == 2:
            yield texts[0], texts[1]


def in_template(source: str) -> Iterator[tuple[str, str]]:
    """The same for a template, which Django turns into calls between words that are none."""
    for call in re.finditer(r"\b(n?p?gettext|_)\((.*?)\)(?= |\n|$)", templatize(source), re.DOTALL):
        parts = re.findall(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", call.group(2))
        texts = [ast.literal_eval(part) for part in parts]
        if call.group(1) in WITH_CONTEXT:
            yield texts[0], texts[1]
        elif texts:
            yield "", texts[0]


def texts_of_the_code() -> set[tuple[str, str]]:
    base = Path(settings.BASE_DIR)
    aside = {"tests", "var", ".venv", "migrations"}
    found: set[tuple[str, str]] = set()
    for path in [*base.rglob("*.py"), *base.rglob("*.html")]:
        inner = path.relative_to(base)
        if aside & set(inner.parts) or path.name == "styleguide.html" or not path.is_file():
            continue
        source = path.read_text(encoding="utf-8")
        found |= set(in_python(source) if path.suffix == ".py" else in_template(source))
    return {(context, text) for context, text in found if text}


@pytest.fixture(scope="module")
def catalogue():
    with CATALOGUE.open("rb") as file:
        return read_po(file)


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """Pages speak Portuguese from the .mo, which git does not hold."""
    compile_all(Path(settings.BASE_DIR))
    translation.trans_real._translations.clear()


@pytest.fixture(autouse=True)
def back_to_english():
    """A request leaves its language behind in the thread; the next test begins in English."""
    with translation.override("en"):
        yield


def singular(message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def test_every_text_is_translated(catalogue):
    untranslated = [
        message.id
        for message in catalogue
        if message.id and not all([message.string] if isinstance(message.string, str) else message.string)
    ]

    assert untranslated == []


def test_no_text_stands_in_an_f_string():
    """xgettext doesn't look there: nobody would be asked to translate it."""
    base = Path(settings.BASE_DIR)
    names = {*ALSO, *WITH_CONTEXT, "gettext", "ngettext", "gettext_lazy"}
    hidden = [
        f"{path.relative_to(base)}:{call.lineno}"
        for path in base.rglob("*.py")
        if not {"tests", "var", ".venv"} & set(path.relative_to(base).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
    ]

    assert hidden == []


def test_no_translation_is_a_guess(catalogue):
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_a_text_of_a_context_is_translated_once():
    """Of two the later one would be shown in both places, whatever was meant there."""
    entry = re.compile(r'^((?:msgctxt .+\n)?msgid (?:".*"\n)+)', re.MULTILINE)
    entries = entry.findall(CATALOGUE.read_text(encoding="utf-8"))

    assert [text for text, times in Counter(entries).items() if times > 1] == []


def test_slots_agree(catalogue):
    strays = []
    for message in catalogue:
        if not message.id or message.string == "":
            continue
        ids, strings = (
            ([message.id], [message.string])
            if isinstance(message.id, str)
            else (list(message.id), list(message.string))
        )
        for english, portuguese in zip(ids, strings, strict=True):
            if set(SLOT.findall(english)) != set(SLOT.findall(portuguese)):
                strays.append(portuguese)

    assert strays == []


def test_the_file_knows_the_texts_that_the_code_has(catalogue):
    """If this fails: `manage.py makemessages -l pt_BR` (it needs gettext), then translate what is empty."""
    known = {(message.context or "", singular(message)) for message in catalogue if message.id}
    found = texts_of_the_code()

    assert sorted(found - known) == []
    assert sorted(known - found) == []


def test_numbers_choose_their_form(catalogue):
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    words = python_gettext.GNUTranslations(buffer)

    said = [words.ngettext("%(n)s day ago", "%(n)s days ago", n) % {"n": n} for n in (0, 1, 2)]

    assert said == ["há 0 dias", "há 1 dia", "há 2 dias"]


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("Prepare", "Preparar"),
        ("Stop preparation", "Interromper preparação"),
        ("Send proof", "Enviar prova"),
        ("Approve", "Aprovar"),
        ("Reject", "Rejeitar"),
        ("Confirm send", "Confirmar envio"),
        ("OK", "OK"),
        ("Take back confirmation", "Desfazer confirmação"),
        ("Pause", "Pausar"),
        ("Resume", "Retomar"),
        ("Stop sending", "Parar envio"),
        ("Compute stats", "Calcular estatísticas"),
        ("Duplicate", "Duplicar"),
        ("Deployment", "Implantação"),
        ("Waiting for me", "Aguardando por mim"),
        ("Sending log", "Log de envio"),
        ("Exclusion log", "Log de exclusão"),
        ("Tracking log", "Log de rastreamento"),
        ("Outcome unknown", "Resultado desconhecido"),
    ],
)
def test_the_words_of_the_field(english, portuguese):
    with translation.override("pt-br"):
        assert translation.gettext(english) == portuguese


def test_a_line_of_the_log_names_its_cause_in_the_readers_language():
    line = LogLine(text="%(cause)s: %(number)s excluded", slots={"cause": "Duplicate", "number": 2})

    with translation.override("pt-br"):
        assert line.message == "Excluídos por “Duplicado”: 2"
    assert line.message == "Duplicate: 2 excluded"


@pytest.mark.django_db
def test_the_login_page_speaks_portuguese():
    page = Client(headers={"accept-language": "pt-BR"}).get("/login/")

    assert 'lang="pt-br"' in page.text
    assert "Entrar" in page.text
    assert "Senha" in page.text


@pytest.mark.django_db
def test_the_language_that_was_chosen_wins():
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(UserFactory())
    browser.cookies["django_language"] = "pt-br"

    page = browser.get("/")

    assert "Entregas" in page.text
    assert "Aguardando por mim" in page.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "stage", "page", "words"),
    [
        ("prepare", "draft", "deliveries:dashboard", ["Preparar", "Duplicar", "Em edição", "Público"]),
        ("approve", "awaiting_approval", "deliveries:approval", ["Aprovar", "Rejeitar", "Quem recebe"]),
        ("start", "ready", "deliveries:dashboard", ["Confirmar envio", "Pronta: aguardando confirmação"]),
        ("start", "ready", "deliveries:confirm", ["Enviar 3 mensagens?", "Selecionados", "OK", "Cancelar"]),
        ("start", "sending", "deliveries:dashboard", ["Pausar", "Parar envio", "Implantação"]),
        ("start", "sending", "deliveries:stop", ["para sempre?", "não sairão mais"]),
        (
            "start",
            "finished",
            "reporting:window",
            ["Calcular estatísticas", "Log de envio", "URLs rastreadas"],
        ),
    ],
)
def test_the_buttons_of_each_page_are_portuguese(role, stage, page, words, client):
    unit = UnitFactory()
    delivery = DeliveryFactory(unit=unit, recipients=3)
    if stage != "draft":
        bring_to(delivery, stage, by=person("prepare", unit))
    client.force_login(person(role, unit))
    client.cookies["django_language"] = "pt-br"

    text = client.get(reverse(page, args=[delivery.pk])).text

    assert [word for word in words if word not in text] == []
