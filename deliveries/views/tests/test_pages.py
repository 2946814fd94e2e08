"""The dashboard and the lists: what stands on them, at how many queries."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience
from campaign.lib import clock
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.models import Chunk, Halt, Status
from deliveries.overview import todo
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db

BUTTONS = {
    # stage: (buttons of a preparer, of an approver, of a starter)
    "draft": (
        {"Prepare", "Send proof", "Duplicate", "Delete"},
        set(),
        {"Prepare", "Send proof", "Duplicate", "Delete"},
    ),
    "awaiting_approval": (
        {"Prepare", "Send proof", "Duplicate", "Delete"},
        {"Approve", "Reject"},
        {"Prepare", "Send proof", "Duplicate", "Delete"},
    ),
    "ready": (
        {"Prepare", "Send proof", "Duplicate", "Delete"},
        set(),
        {"Confirm send", "Prepare", "Send proof", "Duplicate", "Delete"},
    ),
    "scheduled": ({"Duplicate"}, set(), {"Take back confirmation", "Duplicate"}),
    "sending": ({"Duplicate"}, set(), {"Pause", "Stop sending", "Duplicate"}),
    "paused": ({"Duplicate"}, set(), {"Resume", "Stop sending", "Duplicate"}),
    "stopped": ({"Send the remainder", "Duplicate"}, set(), {"Send the remainder", "Duplicate"}),
    "finished": ({"Duplicate"}, set(), {"Duplicate"}),
}


@pytest.fixture
def unit():
    return UnitFactory(label="Brasil")


@pytest.fixture
def get(client):
    def get(user, name, *args, **query):
        if client.session.get("_auth_user_id") != str(user.pk):
            client.force_login(user)
        return client.get(reverse(f"deliveries:{name}", args=args), query)

    return get


def at(stage, unit, **kwargs):
    return DeliveryFactory(unit=unit, **({} if stage == "draft" else {stage: True}), **kwargs)


def buttons(html):
    """The labels of the action bar."""
    bar = html[
        html.index('<div class="actions">') : html.index("</header>", html.index('<div class="actions">'))
    ]
    return {
        re.sub(r"<svg.*?</svg>", "", label).strip()
        for label in re.findall(r"<button[^>]*>(.*?)</button>", bar)
    }


@pytest.mark.parametrize("role", ["prepare", "approve", "start"])
@pytest.mark.parametrize("stage", BUTTONS)
def test_the_action_bar_offers_what_status_and_role_allow(stage, role, unit, get):
    delivery = at(stage, unit)

    page = get(person(role, unit), "dashboard", delivery.pk)

    assert buttons(page.content.decode()) == BUTTONS[stage][["prepare", "approve", "start"].index(role)]


def test_in_place_of_confirm_stands_who_may_send(unit, get):
    delivery = at("ready", unit)
    UserFactory(first_name="Carla", last_name="Reis", roles={"start": unit})

    page = get(person("prepare", unit), "dashboard", delivery.pk).content.decode()

    assert "You may prepare this delivery but not send it. Ask one of: Carla Reis." in page
    assert "Confirm send" not in page


def test_where_nobody_may_send_the_page_says_so(unit, get):
    delivery = at("ready", unit)

    page = get(person("prepare", unit), "dashboard", delivery.pk).content.decode()

    assert "Nobody holds the right “Start deliveries” here" in page


def test_four_eyes_bars_whoever_wrote_it_from_the_button(unit, get):
    maker = UserFactory(roles={"prepare": unit, "approve": unit})
    other = UserFactory(first_name="Bia", last_name="Melo", roles={"approve": unit})
    delivery = at("awaiting_approval", unit, by=maker, approval_policy=ApprovalPolicy.FOUR_EYES)

    mine, theirs = (get(user, "dashboard", delivery.pk).content.decode() for user in (maker, other))

    assert "Approve" not in buttons(mine)
    assert "someone else must approve it. Ask one of: Bia Melo." in mine.replace("&#x27;", "'")
    assert "Approve" in buttons(theirs)


def test_a_change_elsewhere_takes_confirm_away_and_is_named(unit, get):
    delivery = at("ready", unit)
    Audience.objects.filter(pk=delivery.audience_id).update(
        rule={"field": "city", "is": "equal", "value": "Santos"}
    )

    page = get(person("start", unit), "dashboard", delivery.pk).content.decode()

    assert "Changed since it was prepared: audience" in page
    assert "Confirm send" not in buttons(page)


def test_findings_stand_with_their_place(unit, get):
    delivery = DeliveryFactory(
        unit=unit, content={"subject": "Hi {{ profile.nick }}", "html": "<p>{% if a %}</p>"}
    )
    run_preparation(delivery, person("prepare", unit))

    page = get(person("prepare", unit), "dashboard", delivery.pk).content.decode()

    assert "The preparation failed" in page
    assert "HTML, line 1" in page
    assert "Subject, line 1" in page


def test_a_rejection_shows_its_comment(unit, get):
    delivery = at("awaiting_approval", unit)
    reject(delivery, "The price is old.")

    page = get(person("prepare", unit), "dashboard", delivery.pk).content.decode()

    assert "Rejected by" in page
    assert "The price is old." in page


def test_what_is_still_missing_is_said_with_the_way_there(unit, get):
    by = person("prepare", unit)
    delivery = drafting.create(by=by, unit=unit, label="Empty")

    page = get(by, "dashboard", delivery.pk).content.decode()

    assert all(
        words in page for words in ("Choose an audience", "Write the content", "Choose when it leaves")
    )


def test_the_page_says_that_no_worker_runs(unit, get):
    preparer = person("prepare", unit)

    waiting_page = get(preparer, "dashboard", at("scheduled", unit).pk).content.decode()
    finished_page = get(preparer, "dashboard", at("finished", unit).pk).content.decode()

    assert "No worker is running." in waiting_page
    assert "No worker is running." not in finished_page


class TestTheLivePart:
    def test_polls_each_second_while_it_prepares(self, unit, get):
        delivery = at("draft", unit)
        start_preparation(delivery, person("prepare", unit))

        page = get(person("prepare", unit), "progress", delivery.pk, status=Status.PREPARING)

        assert page.status_code == 200
        assert 'hx-trigger="every 1s"' in page.content.decode()
        assert "HX-Refresh" not in page

    def test_has_the_page_drawn_afresh_once_the_status_is_another(self, unit, get):
        delivery = at("awaiting_approval", unit)

        page = get(person("prepare", unit), "progress", delivery.pk, status=Status.PREPARING)

        assert page["HX-Refresh"] == "true"

    @pytest.mark.parametrize("stage", ["awaiting_approval", "ready", "paused"])
    def test_looks_now_and_then_whether_a_colleague_has_decided(self, stage, unit, get):
        delivery = at(stage, unit)

        page = get(person("prepare", unit), "progress", delivery.pk, status=delivery.status)

        assert page.status_code == 200
        assert 'hx-trigger="every 5s"' in page.content.decode()
        assert "HX-Refresh" not in page

    def test_has_the_page_drawn_afresh_once_another_preparation_is_in_force(self, unit, get):
        delivery = at("ready", unit)

        page = get(person("prepare", unit), "progress", delivery.pk, status="ready", preparation=0)

        assert page["HX-Refresh"] == "true"

    @pytest.mark.parametrize("stage", ["finished", "stopped"])
    def test_ends_the_polling_where_nothing_moves_by_itself(self, stage, unit, get):
        delivery = at(stage, unit)

        page = get(person("prepare", unit), "progress", delivery.pk)

        assert page.status_code == 286
        assert 'hx-trigger="every' not in page.content.decode()


class TestTheList:
    def test_shows_the_deliveries_of_the_units_that_one_may_read(self, unit, get):
        mine, elsewhere = at("draft", unit, label="Ours"), at("draft", UnitFactory(), label="Theirs")

        page = get(person("prepare", unit), "list").content.decode()

        assert mine.label in page
        assert elsewhere.label not in page

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"q": "summer"}, {"Summer sale"}),
            ({"q": "DM{winter}"}, {"Winter sale"}),
            ({"q": "news for"}, {"Summer sale", "Winter sale"}),
            ({"status": "ready"}, {"Winter sale"}),
            ({"unit": "{below}"}, {"Winter sale"}),
            ({"mine": "on"}, {"Summer sale"}),
            ({"status": "nonsense"}, {"Summer sale", "Winter sale"}),
        ],
    )
    def test_filters(self, query, found, unit, get):
        me = UserFactory(roles={"prepare": unit})
        below = UnitFactory(parent=unit)
        DeliveryFactory(unit=unit, label="Summer sale", by=me)
        winter = DeliveryFactory(unit=below, label="Winter sale", ready=True)
        query = {name: value.format(winter=winter.pk, below=below.pk) for name, value in query.items()}

        page = get(me, "list", **query).content.decode()

        assert {label for label in ("Summer sale", "Winter sale") if label in page} == found

    def test_leafs_by_key(self, unit, get):
        by = person("prepare", unit)
        made = [drafting.create(by=by, unit=unit, label=f"D{n:02}") for n in range(60)]

        first = get(by, "list").content.decode()
        second = get(by, "list", before=made[35].pk).content.decode()
        back = get(by, "list", after=made[34].pk).content.decode()

        assert re.findall(r">(D\d\d)<", first) == [f"D{n:02}" for n in range(59, 34, -1)]
        assert f"before={made[35].pk}" in first
        assert re.findall(r">(D\d\d)<", second) == [f"D{n:02}" for n in range(34, 9, -1)]
        assert f"after={made[34].pk}" in second
        assert re.findall(r">(D\d\d)<", back) == re.findall(r">(D\d\d)<", first)

    def test_a_key_that_is_none_leads_nowhere(self, unit, get):
        assert get(person("prepare", unit), "list", before="x").status_code == 404

    def test_shows_how_much_is_done_while_it_sends(self, unit, get):
        at("sending", unit)

        assert "0.0% done" in get(person("prepare", unit), "list").content.decode()

    def test_says_what_is_only_tried_again_and_what_ended_with_unknown_outcomes(self, unit, get):
        sending, finished = at("sending", unit, recipients=3), at("finished", unit, recipients=3)
        Chunk.objects.filter(delivery=sending).update(sent=1, retrying=2)
        Chunk.objects.filter(delivery=finished).update(sent=2, in_doubt=1)

        page = get(person("prepare", unit), "list").content.decode()

        assert "Retrying 2" in page
        assert re.search(r'pill--yellow"[^>]*>Finished, 1 unknown', page)
        assert "33.3% done" in page
        assert (
            "Finished, 1 unknown" in get(person("prepare", unit), "dashboard", finished.pk).content.decode()
        )


class TestWaitingForMe:
    def test_lists_what_each_may_do_something_about(self, unit):
        awaiting, ready = at("awaiting_approval", unit), at("ready", unit)
        back = at("awaiting_approval", unit)
        reject(back, "Too long.")
        preparer, approver, starter = (person(role, unit) for role in ("prepare", "approve", "start"))

        assert list(todo.to_approve(approver)) == [awaiting]
        assert list(todo.to_confirm(starter)) == [ready]
        assert [(row, row.rejection) for row in todo.rejected(preparer)] == [(back, "Too long.")]
        assert [todo.count(user) for user in (approver, starter, preparer)] == [1, 1, 1]

    def test_leaves_out_what_four_eyes_bars_one_from(self, unit):
        maker = UserFactory(roles={"prepare": unit, "approve": unit})
        delivery = at("awaiting_approval", unit, by=maker, approval_policy=ApprovalPolicy.FOUR_EYES)

        other = UserFactory(roles={"approve": unit})

        assert list(todo.to_approve(maker)) == []
        assert list(todo.to_approve(other)) == [delivery]

    def test_a_rejected_one_no_longer_waits_once_it_is_prepared_again(self, unit):
        delivery = at("awaiting_approval", unit)
        reject(delivery, "Too long.")
        start_preparation(delivery, person("prepare", unit))

        assert todo.count(person("prepare", unit)) == 0

    def test_the_page_shows_them(self, unit, get):
        delivery = at("awaiting_approval", unit)

        page = get(person("approve", unit), "waiting").content.decode()

        assert reverse("deliveries:approval", args=[delivery.pk]) in page
        assert "Nothing waits for you" in get(person("export", unit), "waiting").content.decode()


def queries(call):
    call()  # caches of content types and the like are filled
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def test_a_list_of_held_deliveries_takes_as_many_queries_for_25_rows_as_for_one(unit, get):
    user = UserFactory(roles={"start": unit})
    at("sending", unit, recipients=1)
    halts.stop_all(unit=unit, by=user, at=clock.now(), reason="Wrong price")
    one = queries(lambda: get(user, "list"))
    Halt.objects.update(lifted_at=clock.now())
    for _ in range(24):
        at("scheduled", unit, recipients=1)
    Halt.objects.update(lifted_at=None)

    many = queries(lambda: get(user, "list"))

    assert many == one
    assert many <= 25


@pytest.mark.parametrize("name", ["list", "waiting"])
def test_a_list_takes_as_many_queries_for_25_rows_as_for_one(name, unit, get):
    user = UserFactory(roles={"start": unit, "approve": unit})
    for stage in ("awaiting_approval", "ready", "sending"):
        at(stage, unit, recipients=1)
    one = queries(lambda: get(user, name))
    for stage in ("awaiting_approval", "ready", "sending"):
        for _ in range(8):
            at(stage, unit, recipients=1)

    many = queries(lambda: get(user, name))

    assert many == one
    assert many <= 25


def test_the_dashboard_takes_as_many_queries_whatever_happened_before(unit, get):
    delivery, user = at("ready", unit), person("start", unit)
    one = queries(lambda: get(user, "dashboard", delivery.pk))
    for _ in range(4):
        reprepare(delivery)

    many = queries(lambda: get(user, "dashboard", delivery.pk))

    assert many == one
    assert many < 40


def start_preparation(delivery, by):
    from deliveries.preparation import verbs as preparation

    return preparation.start(delivery=delivery, by=by, at=clock.now())


def run_preparation(delivery, by):
    from deliveries.preparation import verbs as preparation

    preparation.run(preparation_id=start_preparation(delivery, by).pk)
    delivery.refresh_from_db()


def reprepare(delivery):
    run_preparation(delivery, person("prepare", delivery.unit))
    approval.approve(
        delivery=delivery, seal=delivery.seal, by=person("approve", delivery.unit), at=clock.now()
    )


def reject(delivery, comment):
    approver = person("approve", delivery.unit)
    approval.reject(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now(), comment=comment)
    delivery.refresh_from_db()
