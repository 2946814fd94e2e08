"""Every address of the pages that changes something, posted by every role from every place in the tree."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.urls import resolve, reverse

from accounts.models import OrganizationalUnit
from accounts.rights import Right
from accounts.roles import SHIPPED
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from alerts.webhooks import registry as webhooks
from audiences import imports
from audiences.models import ConsentDoubt, ImportMapping, Subscription
from audiences.services import definitions as services
from audiences.tests.factories import AudienceFactory, ProfileFactory, TestProfileFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from campaign.tests.crawling import Crawler, mounted
from deliveries.folders import tree
from deliveries.models import ContentTemplate, Delivery, Picture
from deliveries.tests.factories import CONTENT, DeliveryFactory, person
from deliveries.tests.places import PLACES

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PICTURE = base64.b64decode(  # one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class World:
    """One thing of each kind, in the unit."""

    def __init__(self, unit: OrganizationalUnit) -> None:
        self.unit = unit
        self.profile, self.other = ProfileFactory(unit=unit), ProfileFactory(unit=unit)
        self.audience = AudienceFactory(unit=unit)
        self.list = AudienceFactory(unit=unit, members=[self.profile])
        self.test_profile = TestProfileFactory(unit=unit)
        self.draft = DeliveryFactory(unit=unit, audience=self.audience)
        self.sent = DeliveryFactory(unit=unit, finished=True, recipients=1)
        self.picture = Picture.objects.create(
            unit=unit, name="Kept", sha256="a" * 64, media_type="image/png", width=1, height=1, size=1, data=b"x", added_at=clock.now(),
        )  # fmt: skip
        self.service = services.create(
            label="Kept", public_name="Kept", unit=unit, by=person("prepare", unit), at=clock.now()
        )
        Subscription.objects.create(service=self.service, profile=self.other, subscribed_at=clock.now())
        self.webhook, _secret = webhooks.create(
            unit=unit,
            label="Kept",
            url="https://example.com/",
            by=person("administration", unit),
            at=clock.now(),
        )
        self.template = ContentTemplate.objects.create(unit=unit, label="Kept", changed_at=clock.now())
        self.folder = tree.create(label="Kept", unit=unit, by=person("prepare", unit))
        self.refused = self._refused_import()
        self.looked_through = self._looked_through()
        self.mapping = ImportMapping.objects.create(unit=unit, header_key="k", saved_at=clock.now())
        self.unclear = ProfileFactory(unit=unit, consent_unclear=True)
        ConsentDoubt.objects.create(profile=self.unclear, channel="email", words="perhaps", at=clock.now())

    def _refused_import(self) -> Any:
        broken = io.BytesIO(b"external_id,email\nC1,a@example.com\nC2\n")
        by = person("import", self.unit)
        refused = imports.start(file=broken, name="a.csv", unit=self.unit, by=by, options=imports.Options())
        imports.run(import_id=refused.pk)
        return refused

    def _looked_through(self) -> Any:
        file, by = io.BytesIO(b"email\na@example.com\n"), person("import", self.unit)
        looked = imports.start(
            file=file, name="b.csv", unit=self.unit, by=by, options=imports.Options(), dry_run=True
        )
        imports.run(import_id=looked.pk)
        return looked


class House:
    """The world of a unit, and somebody signed in who holds a role there, above, below or beside, for each of them."""

    def __init__(self) -> None:
        unit = UnitFactory(parent=UnitFactory())
        places = {
            "own": unit,
            "above": unit.parent,
            "below": UnitFactory(parent=unit),
            "beside": UnitFactory(parent=unit.parent),
        }
        self.world = World(unit)
        people = {
            (role, place): UserFactory(roles={role: at}) for role in SHIPPED for place, at in places.items()
        }
        self.cookies = {who: signed_in(user).cookies for who, user in people.items()}
        self.digests = digests(kept_tables())

    def browser(self, who: tuple[str, str]) -> Client:
        client = Client()
        client.cookies = self.cookies[who]
        return client


def _general(world: World) -> dict[str, Any]:
    return {"label": "Changed", "unit": world.unit.pk, "validity_hours": 24}


def _file(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


# The one table: the address, of what, the right that it takes, and what its form posts.
ACTIONS: dict[str, tuple[Callable[[World], list[int]], Right, Callable[[World], dict[str, Any]]]] = {
    "alerts:unit": (lambda w: [w.unit.pk], Right.ADMINISTER, lambda w: {"bounces": "4"}),
    "alerts:webhook-create": (lambda w: [w.unit.pk], Right.ADMINISTER, lambda w: {"label": "New", "url": "https://example.com/"}),
    "alerts:webhook": (lambda w: [w.webhook.pk], Right.ADMINISTER, lambda w: {"label": "Changed", "url": "https://example.com/"}),
    "alerts:webhook-test": (lambda w: [w.webhook.pk], Right.ADMINISTER, lambda w: {}),
    "alerts:webhook-rotate": (lambda w: [w.webhook.pk], Right.ADMINISTER, lambda w: {}),
    "alerts:webhook-remove": (lambda w: [w.webhook.pk], Right.ADMINISTER, lambda w: {}),
    "audiences:profile-create": (lambda w: [], Right.IMPORT, lambda w: {"email": "new@example.com", "unit": w.unit.pk}),
    "audiences:profile-edit": (lambda w: [w.profile.pk], Right.IMPORT, lambda w: {"email": "new@example.com", "unit": w.unit.pk}),
    "audiences:consent": (lambda w: [w.profile.pk], Right.PREPARE, lambda w: {"channel": "email", "decision": "out"}),
    "audiences:unclear-decide": (lambda w: [w.unclear.pk], Right.PREPARE, lambda w: {"decision": "opt_out"}),
    "audiences:unclear-all": (lambda w: [], Right.PREPARE, lambda w: {"unit": w.unit.pk, "decision": "opt_out"}),
    "audiences:create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk, "text": "{}"}),
    "audiences:create-list": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk, "pasted": ""}),
    "audiences:combine": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk, "audience-0": w.list.pk, "do": "save"}),
    "audiences:edit": (lambda w: [w.audience.pk], Right.PREPARE, lambda w: {"label": "Changed", "text": "{}"}),
    "audiences:delete": (lambda w: [w.list.pk], Right.PREPARE, lambda w: {}),
    "audiences:add-members": (lambda w: [w.list.pk], Right.PREPARE, lambda w: {"pasted": w.other.email}),
    "audiences:remove-member": (lambda w: [w.list.pk, w.profile.pk], Right.PREPARE, lambda w: {}),
    "audiences:imports": (lambda w: [], Right.IMPORT, lambda w: {"unit": w.unit.pk, "file": _file("a.csv", b"email\nb@example.com\n")}),
    "audiences:import-again": (lambda w: [w.refused.pk], Right.IMPORT, lambda w: {}),
    "audiences:import-look": (lambda w: [w.looked_through.pk], Right.IMPORT, lambda w: {"column_0": "email"}),
    "audiences:import-carry-out": (lambda w: [w.looked_through.pk], Right.IMPORT, lambda w: {}),
    "audiences:mapping-forget": (lambda w: [w.mapping.pk], Right.IMPORT, lambda w: {}),
    "audiences:test-profile-create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk, "address": "t@example.com"}),
    "audiences:test-profile-edit": (lambda w: [w.test_profile.pk], Right.PREPARE, lambda w: {"label": "Changed", "unit": w.unit.pk, "address": "t@example.com"}),
    "audiences:test-profile-delete": (lambda w: [w.test_profile.pk], Right.PREPARE, lambda w: {}),
    "audiences:service-create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "public_name": "New", "unit": w.unit.pk, "double_opt_in": "on"}),
    "audiences:service-edit": (lambda w: [w.service.pk], Right.PREPARE, lambda w: {"label": "Changed", "double_opt_in": "on", "is_open": "on"}),
    "audiences:service-text": (lambda w: [w.service.pk], Right.PREPARE, lambda w: {"en-consent": "a", "en-subject": "b", "en-body": "c"}),
    "audiences:service-activate": (lambda w: [w.service.pk], Right.START, lambda w: {"seal": w.service.texts.get().seal}),
    "audiences:service-subscribe": (lambda w: [w.service.pk], Right.IMPORT, lambda w: {"audience": w.list.pk}),
    "audiences:service-audience": (lambda w: [w.service.pk], Right.PREPARE, lambda w: {}),
    "audiences:unsubscribe": (lambda w: [w.other.pk, w.service.pk], Right.PREPARE, lambda w: {}),
    "reporting:person-export": (lambda w: [w.profile.pk], Right.EXPORT_PERSON, lambda w: {}),
    "reporting:erase-person": (lambda w: [w.profile.pk], Right.ERASE, lambda w: {"confirmed": w.profile.email_key}),
    "reporting:erase-address": (lambda w: [], Right.ERASE, lambda w: {"person": w.profile.email, "confirmed": w.profile.email_key}),
    "deliveries:create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk, "audience": w.audience.pk, "schedule_kind": "at_once", "time_zone": "UTC"}),
    "deliveries:edit": (lambda w: [w.draft.pk], Right.PREPARE, _general),
    "deliveries:audience": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"audience": w.list.pk}),
    "deliveries:combine": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"audience-0": w.list.pk, "do": "save"}),
    "deliveries:schedule": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"schedule_kind": "at_date", "date": "2030-01-01T10:00", "time_zone": "UTC"}),
    "deliveries:content": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: CONTENT | {"subject": "Changed", "base": Delivery.objects.get(pk=w.draft.pk).content.number}),
    "deliveries:upload": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"file": _file("a.html", b"<p>Hi</p>")}),
    "deliveries:begin": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"template": "letter.en"}),
    "deliveries:keep-template": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk}),
    "deliveries:pictures": (lambda w: [], Right.PREPARE, lambda w: {"unit": w.unit.pk, "alt": "A", "file": _file("a.png", PICTURE)}),
    "deliveries:picture": (lambda w: [w.picture.pk], Right.PREPARE, lambda w: {"name": "Changed", "alt": "A"}),
    "deliveries:picture-remove": (lambda w: [w.picture.pk], Right.PREPARE, lambda w: {}),
    "deliveries:template-create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk}),
    "deliveries:template": (lambda w: [w.template.pk], Right.PREPARE, lambda w: {"label": "Changed", "unit": w.unit.pk}),
    "deliveries:template-delete": (lambda w: [w.template.pk], Right.PREPARE, lambda w: {}),
    "deliveries:place": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"folder": w.folder.pk}),
    "deliveries:folder-create": (lambda w: [], Right.PREPARE, lambda w: {"label": "New", "unit": w.unit.pk}),
    "deliveries:folder-edit": (lambda w: [w.folder.pk], Right.PREPARE, lambda w: {"label": "Changed"}),
    "deliveries:folder-delete": (lambda w: [w.folder.pk], Right.PREPARE, lambda w: {}),
    "deliveries:attach": (lambda w: [w.draft.pk], Right.PREPARE, lambda w: {"files": _file("a.pdf", b"%PDF-1.4 a")}),
    "reporting:unit-retention": (lambda w: [w.unit.pk], Right.ADMINISTER, lambda w: {"recipients": "90", "reactions": "", "mail": "0"}),
    "reporting:unit-hold": (lambda w: [w.unit.pk], Right.ADMINISTER, lambda w: {"reason": "r"}),
    "reporting:delivery-hold": (lambda w: [w.sent.pk], Right.ADMINISTER, lambda w: {"reason": "r"}),
    "deliveries:stop-all": (lambda w: [], Right.START, lambda w: {"unit": w.unit.pk, "reason": "r"}),
}  # fmt: skip
# What is posted and has its matrix elsewhere, or concerns oneself, or changes nothing.
ELSEWHERE = {
    "steps of a delivery: deliveries/tests/test_roles_matrix.py": {
        f"deliveries:{step}"
        for step in (
            "duplicate", "remainder", "delete", "prepare", "stop-preparation", "proof", "approval", "confirm",
            "take-back", "pause", "resume", "release-wave", "limit", "stop",
        )
    },
    "what goes on after a stop: deliveries/sending/tests/test_halts.py": {"deliveries:allow-sending"},
    "unknown outcomes and counts: reporting/views/tests/test_unknown_outcomes.py": {"reporting:decide", "reporting:compute-stats"},
    "files that leave: below, and reporting/views/tests/test_views.py": {"audiences:profiles-export", "reporting:export"},
    "oneself": {
        "login", "logout", "account", "password_change", "deliveries:seen", "alerts:seen", "alerts:choices", "set_language", "confirm_address",
        "kept_form_throw_away", "home:guide", "account_reset_password", "account_reset_password_from_key", "account_confirm_email",
    },
    "files that go along: deliveries/drafting/tests/test_attachments.py": {"deliveries:detach"},
    "what is kept while somebody writes: deliveries/views/tests/test_unsaved.py": {"deliveries:draft", "deliveries:draft-throw-away"},
    "many at once: deliveries/drafting/tests/test_many.py": {"deliveries:many"},
    "senders: deliveries/views/tests/test_pages_senders.py": {"deliveries:senders", "deliveries:sender-remove", "deliveries:sender-ask"},
    "what comes back by mail: feedback/tests/test_incoming_pages.py": {
        "feedback:incoming-check", "feedback:reclassify", "feedback:reclassify-step",
    },
    "reports by mail: reporting/scheduled/tests/test_scheduled.py": {
        "reporting:scheduled-create", "reporting:scheduled-edit", "reporting:scheduled-delete", "reporting:scheduled-leave",
    },
    "columns and filters of one's own: reporting/logs/tests/test_log_choices.py": {"reporting:columns", "reporting:save-filter", "reporting:remove-filter"},
    "hits judged anew: reporting/counting/tests/test_reclassifying.py": {"reporting:reclassify-hits", "reporting:reclassify-hits-apply"},
    "exports of personal data: reporting/persons/tests/test_exporting.py": {"reporting:person-export-withdraw"},
    "an outage: audiences/quarantine/tests/test_outages.py": {"audiences:repair-quarantine"},
    "a review of the quarantine: audiences/quarantine/tests/test_reviews.py": {"audiences:review-quarantine"},
    "units: accounts/units/tests/test_policies.py": {"unit"},
    "a hold is lifted: reporting/retention/tests/test_pages.py": {"reporting:unit-lift", "reporting:delivery-lift"},
    "attributes: audiences/fields/tests/test_attributes.py": {"audiences:attributes", "audiences:attribute-remove"},
    "changes nothing": {"audiences:builder", "audiences:preview", "deliveries:preview", "deliveries:frame", "styleguide"},
    "readers, by their token: feedback/tests/test_views.py": {"feedback:unsubscribe"},
    "readers of services: feedback/subscribing/tests": {"feedback:sign-up", "feedback:confirm", "feedback:preferences"},
}  # fmt: skip


@once
def house() -> House:
    return House()


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_changes_something_and_nobody_else(action: str, house: House) -> None:
    where, right, _posted = ACTIONS[action]
    holders = {role for role, (_label, _text, rights) in SHIPPED.items() if right in rights}
    asked = [(role, place) for role, place in house.cookies if role in holders or place == "own"]

    outcomes = {who: posted(action, house, who) for who in asked}

    assert {who for who, outcome in outcomes.items() if outcome == "changed"} == {
        (role, place) for role in holders for place, (acts, _sees) in PLACES.items() if acts
    }
    if where(house.world):  # of what stands beside nobody is told that it is there
        assert {outcomes[role, "beside"] for role in holders} == {"404"}


def test_every_address_that_takes_a_post_is_in_a_matrix(house: House) -> None:
    """Whoever adds one says who may."""
    crawler = Crawler(UserFactory(is_superuser=True))
    pages = {
        route: address
        for route, address in reversed([*mounted({"tab": ["sending"]})])
        if "admin/" not in route and "<str:sha256>" not in route  # a picture's address is its digest
    }

    def takes_a_post(address: str) -> bool:
        return crawler.ask("post", address).status_code != 405

    taking = {resolve(address).view_name for address in pages.values() if takes_a_post(address)}

    assert taking - set(ACTIONS) - set().union(*ELSEWHERE.values()) == set()
    assert set(ACTIONS) <= taking


def test_the_export_is_for_those_who_may(house: House) -> None:
    unit = house.world.unit
    ProfileFactory(unit=unit, email="kept@example.com")

    got = set()
    for who in house.cookies:
        client = house.browser(who)
        answer = client.post(reverse("audiences:profiles-export"), {"unit": unit.pk})
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        got |= {who} if b"kept@example.com" in content else set()

    assert got == {("export", "own"), ("export", "above")}


def posted(action: str, house: House, who: tuple[str, str]) -> str:
    """What came of it: "changed", or the status of an answer that changed nothing; then all of it is undone."""
    where, _right, form = ACTIONS[action]
    with transaction.atomic():
        writes = written()
        answer = house.browser(who).post(reverse(action, args=where(house.world)), form(house.world))
        came = "changed" if has_changed(house.digests, since=writes) else str(answer.status_code)
        transaction.set_rollback(True)
    assert answer.status_code < 500
    return came


def has_changed(before: dict[str, str], *, since: dict[str, int]) -> bool:
    """Whether a row is another than in these digests; looked for in the tables that were written since then."""
    touched = {table for table, writes in written().items() if writes != since.get(table)}
    if not touched <= set(before):  # a part of a table
        touched = set(before)
    return any(digest != before[table] for table, digest in digests(touched).items())


def written() -> dict[str, int]:
    """How many rows were written so far in this transaction, by table; what was undone counts too.

    Where that stays as it was so did every row, and nobody need read them all. Left out are the trail, the sessions
    and the accounts, as in the digests.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            r" WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND relname !~ '^(accounts|account|django)_'"
        )
        return dict(cursor.fetchall())


def kept_tables() -> set[str]:
    """All but those of the trail, the sessions and the accounts."""
    return {
        model._meta.db_table
        for app in ("alerts", "audiences", "deliveries", "feedback", "reporting")
        for model in apps.get_app_config(app).get_models()
        if model._meta.managed
    }


def digests(tables: set[str]) -> dict[str, str]:
    """A digest of all rows of each table."""
    if not tables:
        return {}
    each = " UNION ALL ".join(
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
        for table in sorted(tables)
    )
    with connection.cursor() as cursor:
        cursor.execute(each)
        return dict(cursor.fetchall())
