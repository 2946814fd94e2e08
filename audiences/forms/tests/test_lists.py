"""The lists of audiences, profiles and imports: their orders, how many there are, and that they are found as left."""

import json
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django_rq import get_queue

from accounts import lists
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import ordering
from audiences.forms.filters import AudienceFilter, ImportFilter, ProfileFilter
from audiences.models import Audience, Import, Profile
from audiences.rules import sizes
from audiences.targets import definitions
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory
from campaign.lib import clock, in_time

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return UserFactory(roles={"prepare": root(), "import": root()}, username="ana", is_staff=True)


@pytest.fixture
def get(client, user):
    client.force_login(user)
    return lambda name, *args, **query: client.get(reverse(f"audiences:{name}", args=args), query)


def make(model):
    units = [root(), UnitFactory()]
    for number in range(7):
        if model is Profile:
            ProfileFactory(first_name=f"Ana{number % 3}", city="", unit=units[number % 2])
        elif model is Audience:
            AudienceFactory(label=f"L{number % 3}", unit=units[number % 2])
        else:
            Import.objects.create(unit=units[number % 2], file_name=f"{number % 3}.csv", rows_read=number % 2)
    Audience.objects.filter(label="L1").update(counted=5)


@pytest.mark.parametrize(
    ("form", "model", "orders"),
    [
        (AudienceFilter, Audience, ordering.AUDIENCES),
        (ProfileFilter, Profile, ordering.PROFILES),
        (ImportFilter, Import, ordering.IMPORTS),
    ],
)
def test_each_order_goes_on_where_the_page_ended_and_back(form, model, orders, user):
    make(model)
    rows = model.objects.all()

    for sort in [*orders, *(f"-{name}" for name in orders), "nonsense"]:
        filters = form({"sort": sort}, user=user)
        whole = filters.page(rows, before=None, after=None).rows
        filters.cleaned_data["rows"] = 3
        pages = [filters.page(rows, before=None, after=None)]
        while pages[-1].older is not None:
            pages.append(filters.page(rows, before=pages[-1].older, after=None))
        back = filters.page(rows, before=None, after=pages[-1].newer)

        assert [one for page in pages for one in page.rows] == whole, sort
        assert (len(whole), pages[0].total) == (7, 7)
        assert back.rows == pages[-2].rows, sort


@pytest.mark.parametrize("name", ["list", "profiles", "imports"])
def test_a_list_is_found_as_it_was_left_and_odd_choices_show_the_whole(name, get):
    make({"list": Audience, "profiles": Profile, "imports": Import}[name])

    get(name, chosen="1", rows="50", sort="new", unit=root().pk, nonsense="x")
    left = get(name)
    odd = [
        get(name, sort="-" * 300, rows="9" * 9, unit="x", q="x" * 900),
        get(name, chosen="1", kind="?", state="?"),
    ]

    assert parse_qs(urlsplit(left.url).query) == {"rows": ["50"], "sort": ["new"], "unit": [str(root().pk)]}
    assert [answer.status_code for answer in odd] == [200, 200]
    assert len(odd[0].context["page"].rows) == 7


def test_whom_somebody_looked_for_is_not_remembered_nor_whose_audience_it_was(get):
    ProfileFactory(first_name="Luísa")

    get("profiles", chosen="1", q="Luísa", rows="50")
    left = get("profiles")
    get("profiles", chosen="1", audience=AudienceFactory().pk, rows="100")

    assert parse_qs(urlsplit(left.url).query) == {"rows": ["50"]}
    assert get("profiles").url == left.url


def test_audiences_and_imports_are_narrowed(get):
    make(Audience)
    make(Import)
    AudienceFactory(label="Friends", members=[])
    Import.objects.create(unit=root(), file_name="april.csv", status=Import.Status.FAILED)

    assert [one.label for one in get("list", kind="list").context["page"].rows] == ["Friends"]
    assert [one.label for one in get("list", q="RIEN").context["page"].rows] == ["Friends"]
    assert [one.file_name for one in get("imports", status="failed").context["page"].rows] == ["april.csv"]
    assert len(get("imports", q=".csv").context["page"].rows) == 8
    assert "No import matches" in get("imports", q="may").content.decode()


def test_very_many_profiles_are_shown_newest_first_alone(get, monkeypatch):
    monkeypatch.setattr(lists, "MOST_COUNTED", 3)
    profiles = [ProfileFactory(first_name=name) for name in "dcba"]

    answer = get("profiles", sort="name")
    narrowed = get("profiles", sort="name", q=profiles[0].external_id)

    assert answer.context["page"].rows == profiles[::-1]
    assert 'class="sort"' not in answer.content.decode()
    assert "Narrow the list to sort it by this." in answer.content.decode()
    assert 'aria-sort="ascending"' in narrowed.content.decode()


def test_what_takes_too_long_is_given_up_and_the_transaction_goes_on(user, monkeypatch):
    with pytest.raises(in_time.TooSlow), in_time.at_most(20), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    ProfileFactory.create_batch(26)
    filters = ProfileFilter({}, user=user)
    monkeypatch.setattr(lists, "bounded_count", _too_slow)

    page = filters.page(Profile.objects.all(), before=None, after=None)

    assert (page.total, page.count_follows, len(page.rows)) == (None, True, 25)
    assert not filters.offers("name")


def test_a_number_that_takes_long_follows_its_page_and_with_it_by_what_the_list_can_be_sorted(
    get, monkeypatch
):
    ProfileFactory.create_batch(26, city="Olinda")
    monkeypatch.setattr(in_time, "at_most", _never_soon)

    page = get("profiles", q="Olinda")
    monkeypatch.undo()
    count = get("profiles-count", q="Olinda")

    assert len(page.context["page"].rows) == 25
    assert f'hx-get="{reverse("audiences:profiles-count")}?q=Olinda"' in page.content.decode()
    assert 'class="sort"' not in page.content.decode()
    assert "26 rows" in count.content.decode()
    assert '<template><thead id="profiles-head" hx-swap-oob="true">' in count.content.decode()
    assert 'href="?q=Olinda&amp;sort=name&amp;chosen=1"' in count.content.decode()


def test_what_is_whole_on_its_page_is_not_counted_by_itself(get, monkeypatch):
    ProfileFactory.create_batch(3, city="Olinda")
    monkeypatch.setattr(lists, "bounded_count", _too_slow)

    page = get("profiles", q="Olinda").context["page"]

    assert (page.total, page.count_follows) == (3, False)


def test_the_number_is_of_those_alone_whom_one_may_see(client):
    ProfileFactory.create_batch(2, city="Olinda", unit=UnitFactory(label="Theirs"))
    mine = UnitFactory(label="Mine")
    ProfileFactory(city="Olinda", unit=mine)
    client.force_login(UserFactory(roles={"prepare": mine}))

    count = client.get(reverse("audiences:profiles-count"), {"q": "Olinda"}).content.decode()

    assert "1 row" in count


@contextmanager
def _never_soon(_milliseconds):
    raise in_time.TooSlow
    yield


def _too_slow(_rows):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)")


# -- how many people an audience has


def test_a_list_counts_nothing_and_asks_a_worker_that_does(get, work, user):
    people = ProfileFactory.create_batch(2)
    friends = AudienceFactory(members=people)
    odd = AudienceFactory(rule={"field": "gone", "is": "equal", "value": "x"})

    first = get("list").content.decode()
    get("list")
    (job,) = work()
    counted = get("list")

    assert 'hx-trigger="every 5s"' in first
    assert job.func_name == "audiences.jobs.count_audiences"
    assert 'hx-trigger="every 5s"' not in counted.content.decode()
    assert {one.pk: one.counted for one in counted.context["page"].rows} == {friends.pk: 2, odd.pk: None}
    assert get_queue("default").count == 0
    definitions.remove_member(audience=friends, profile=people[0], by=user)
    friends.refresh_from_db()
    assert sizes.is_stale(friends, at=clock.now())
    assert get("audience", friends.pk).context["count"] == 1  # there it is counted now, and noted
    assert Audience.objects.get(pk=friends.pk).counted == 1


def test_a_count_is_stale_after_an_hour_and_one_of_an_audience_that_changed_meanwhile_is_not_noted(user):
    audience, now = AudienceFactory(), clock.now()
    sizes.note(audience, 3, at=now)
    audience.refresh_from_db()
    as_it_was = Audience.objects.get(pk=audience.pk)

    definitions.change(audience=audience, label="Other", by=user)
    sizes.note(as_it_was, 9, at=now)

    assert not sizes.is_stale(as_it_was, at=now + timedelta(minutes=59))
    assert sizes.is_stale(as_it_was, at=now + timedelta(minutes=61))
    assert Audience.objects.values_list("counted", "counted_at").get(pk=audience.pk) == (3, None)


def test_the_desk_shows_the_counts_and_asks_for_them(client, user, work):
    AudienceFactory(members=ProfileFactory.create_batch(3))
    client.force_login(user)
    address = reverse("admin:audiences_audience_changelist")

    client.get(address)
    work()

    assert [one.counted for one in client.get(address).context["cl"].result_list] == [3]


def test_commands_list_in_an_order_and_no_more_than_they_are_asked_for(user):
    def rows(*args):
        out = StringIO()
        call_command(*args, "--as", "ana", "--json", stdout=out)
        return json.loads(out.getvalue())

    AudienceFactory(label="b", members=[ProfileFactory()])
    AudienceFactory(label="a")
    Audience.objects.filter(label="b").update(counted=70)
    AttributeFactory.create_batch(3)

    stored = rows("list_audiences", "--sort", "people", "--stored")
    exact = rows("list_audiences", "--reverse", "--limit", "1")

    assert [(row["label"], row["count"]) for row in stored] == [("b", 70), ("a", None)]
    assert [(row["label"], row["count"]) for row in exact] == [("b", 1)]
    assert len(rows("list_attributes", "--limit", "2")["attributes"]) == 2
    assert rows("list_mappings", "--limit", "1") == {"mappings": []}
