"""What the desk writes at once is what django-unfold's own templates write."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from django.template import Context, Engine, engines
from django.template.backends.django import get_installed_libraries
from django.test import Client
from django.urls import reverse

from accounts.roles import SHIPPED, root
from accounts.tests.factories import UserFactory
from audiences.tests.factories import ProfileFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db

OWN = (
    Path(unfold.__file__).parent / "templates"
)  # before everything else: nothing of ours stands in their place


class Told(HTMLParser):
    """A page as tags, their attributes and texts: order of classes and white space say nothing."""

    def __init__(self, html):
        super().__init__()
        self.parts = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        told = {name: frozenset(value.split()) if name == "class" else value for name, value in attrs}
        self.parts.append(
            (tag, tuple(sorted((name, value) for name, value in told.items() if value != frozenset())))
        )

    def handle_endtag(self, tag):
        self.parts.append(f"/{tag}")

    def handle_data(self, data):
        self.parts.extend([" ".join(data.split())] if data.strip() else [])


def written(template, context):
    """What our template and that of django-unfold make of it."""
    ours = engines["django"].engine
    theirs = Engine(
        dirs=[OWN],
        app_dirs=True,
        libraries=get_installed_libraries(),
        context_processors=[],
        builtins=ours.builtins,
    )
    return [Told(engine.get_template(template).render(Context(context))).parts for engine in (ours, theirs)]


@pytest.fixture
def operator():
    client = Client()
    client.force_login(UserFactory(roles=dict.fromkeys(SHIPPED, root()), is_staff=True, is_superuser=True))
    return client


FORMS = [
    "accounts_user", "accounts_organizationalunit", "alerts_webhook", "audiences_import", "audiences_profile",
    "deliveries_delivery", "deliveries_picture", "deliveries_route", "feedback_mailsource", "reporting_scheduledreport",
]  # fmt: skip


@pytest.mark.parametrize("model", FORMS)
@pytest.mark.parametrize("is_sent", [False, True])
def test_the_rows_of_a_form_are_those_of_the_templates(operator, model, is_sent):
    address = reverse(f"admin:{model}_add")
    page = operator.post(address, {"label": "<b>"}) if is_sent else operator.get(address)

    for fieldset in page.context["adminform"]:
        known = {"fieldset": fieldset, "adminform": page.context["adminform"]}
        ours, theirs = written("admin/includes/fieldset.html", known)
        assert ours == theirs


def test_so_are_those_that_nobody_can_change(operator):
    DeliveryFactory(finished=True)
    ProfileFactory(attributes={"<b>": [1, 2]})
    for name in (
        "audiences_profile",
        "deliveries_delivery",
        "deliveries_statuschange",
        "deliveries_preparation",
    ):
        model = next(
            each for each in admin.site._registry if each._meta.label_lower == name.replace("_", ".")
        )
        page = operator.get(reverse(f"admin:{name}_change", args=[model.objects.latest("pk").pk]))

        for fieldset in page.context["adminform"]:
            ours, theirs = written(
                "admin/includes/fieldset.html", {"fieldset": fieldset, "adminform": page.context["adminform"]}
            )
            assert ours == theirs
            assert len(ours) > 3


def test_the_side_bar_is_that_of_the_template(operator):
    page = operator.get(reverse("admin:deliveries_delivery_changelist"))
    groups = page.context["sidebar_navigation"]

    known = {"sidebar_navigation": [
        {**group, "items": [{**item, "has_permission": True} for item in group["items"]]} for group in groups
    ]}  # fmt: skip
    ours, theirs = written("unfold/helpers/app_list.html", known)

    assert ours == theirs
    assert [item["link"] for group in groups for item in group["items"] if item["active"]] == [
        reverse("admin:deliveries_delivery_changelist")
    ]


def test_each_entry_of_the_side_bar_leads_to_its_list(operator):
    groups = operator.get(reverse("admin:index")).context["sidebar_navigation"]

    named = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    }
    assert {item["link"] for group in groups for item in group["items"]} <= named


def test_no_form_has_what_the_rows_leave_out():
    for desk in admin.site._registry.values():
        assert getattr(desk, "compressed_fields", True)
        assert not getattr(desk, "conditional_fields", None)
        assert not getattr(desk, "ordering_field", None)
