"""The demo's story: a coffee roaster's weeks, with one delivery in each status, reached by the real steps.

Chapters follow one another as they happened; a chapter whose delivery exists already is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from json import loads
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from accounts import demo as people
from accounts.models import OrganizationalUnit, User
from accounts.units import proof_addresses
from audiences import imports
from audiences.models import Audience, Import, Service, TestProfile
from audiences.services import definitions as services
from audiences.services import subscribing, texts
from audiences.targets import definitions
from campaign.lib import clock
from campaign.lib.jobs import JobRef
from deliveries import drafting, jobs
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.demo import postmasters, stage, visitors
from deliveries.drafting import uploads
from deliveries.folders import placing, tree
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Folder, Route, ScheduleKind, Status, WaveBy
from deliveries.preparation import verbs as preparation
from deliveries.routing import senders
from deliveries.sending import control, gate
from deliveries.tick import look

NEWSLETTER = Path(__file__).parent / "newsletter"
CUSTOMERS = Path(people.__file__).resolve().parent.parent / "audiences" / "demo" / "customers.csv"
BROKEN = 'external_id,email,first_name\nX1,x1@example.com,Rita\nX2,x2@example.com,"Jo\nX3,x3@example.com,Ana,too many\n'
ZONE = "America/Sao_Paulo"
PROOFS = "proofs.serra-alta.example"  # the domain of the mailboxes that proofs go to
FOLD = JobRef("reporting.jobs.fold")

LETTER = "Coffee letter"
CAMPAIGN, IN_CAMPAIGN = "Harvest", ("The new harvest", "Flash sale", "Harvest, second mailing")
EVERYBODY, BRAZIL, VIPS, NEW = "All customers", "Customers in Brazil", "VIP customers", "New customers"
RULES: dict[str, dict[str, Any]] = {
    EVERYBODY: {"all": []},
    BRAZIL: {"field": "country", "is": "equal", "value": "BR"},
    VIPS: {"field": "segment", "is": "equal", "value": "vip"},
    NEW: {"field": "segment", "is": "equal", "value": "new"},
}


@dataclass
class Cast:
    """The people of the demo, and their unit."""

    unit: OrganizationalUnit
    ana: User
    bruno: User
    carla: User
    ines: User
    audiences: dict[str, Audience]


def tell(say: Callable[[str], object]) -> None:
    """Make everything of the demo that is not there yet."""
    say("People, units and roles")
    tree = people.load()
    unit = tree[people.BRAZIL]
    users = {user.username: user for user in User.objects.all()}
    _senders(unit, users["diego"])
    _proofs(unit, users["diego"])
    cast = Cast(unit, users["ana"], users["bruno"], users["carla"], users["ines"], {})
    say("2,000 customers")
    _bring_in_customers(cast)
    cast.audiences = {label: _audience(label, cast) for label in RULES}
    _test_profiles(cast)
    _service(cast)
    for label, chapter in CHAPTERS.items():
        if not Delivery.objects.filter(label=label, unit=unit).exists():
            say(label)
            chapter(label, cast)
    _campaign(cast)


def _senders(unit: OrganizationalUnit, diego: User) -> None:
    """Who may send in the unit's name: the newsletter's sender, and whatever else the company writes from."""
    senders.save(
        unit=unit, address="news@serra-alta.example", name=people.COMPANY, reply_to="hello@serra-alta.example",
        by=diego,
    )  # fmt: skip
    senders.save(unit=unit, address="serra-alta.example", by=diego)


def _proofs(unit: OrganizationalUnit, diego: User) -> None:
    """Where proofs may go: to the company's people, and to the mailboxes that are kept for them."""
    if unit.proof_addresses is None:
        proof_addresses.save(unit=unit, entries=["serra-alta.example", PROOFS], by=diego)


def _bring_in_customers(cast: Cast) -> None:
    for name, content in ((CUSTOMERS.name, CUSTOMERS.read_bytes()), ("partners.csv", BROKEN.encode())):
        if Import.objects.filter(file_name=name, unit=cast.unit).exists():
            continue
        importing = imports.start(
            file=BytesIO(content),
            name=name,
            unit=cast.unit,
            by=cast.ines,
            options=imports.Options(declare_attributes=True),
        )

        def has_ended(importing: Import = importing) -> bool:
            importing.refresh_from_db()
            return importing.is_final

        stage.work_until(has_ended, doing=f"import of {name}")


def _audience(label: str, cast: Cast) -> Audience:
    found = Audience.objects.filter(label=label, unit=cast.unit).first()
    return found or definitions.create_rule(label=label, rule=RULES[label], unit=cast.unit, by=cast.ana)


def _test_profiles(cast: Cast) -> None:
    for label, name, language in (
        ("Phone", "Marina", "pt"),
        ("Desktop", "Thomas", "en"),
        ("No name", "", "en"),
    ):
        if not TestProfile.objects.filter(label=label, unit=cast.unit).exists():
            definitions.save_test_profile(
                label=label,
                email=f"{label.lower().replace(' ', '-')}@{PROOFS}",
                values={"first_name": name, "language": language, "city": "Ouro Preto", "segment": "vip"},
                unit=cast.unit,
                by=cast.ana,
            )


# -- the steps, in few words ----------------------------------------------------------------------------


def _write(label: str, cast: Cast, *, audience: str, subject: str | None = None, **settings: Any) -> Delivery:
    """Create a draft with the newsletter in it."""
    settings.setdefault("schedule_kind", ScheduleKind.AT_ONCE)
    delivery = drafting.create(
        by=cast.ana,
        unit=cast.unit,
        label=label,
        audience=cast.audiences[audience],
        time_zone=ZONE,
        **settings,
    )
    parts = loads((NEWSLETTER / "newsletter.json").read_text())
    parts["subject"] = parts["subject"] if subject is None else subject
    uploads.bring_in(
        delivery=delivery, by=cast.ana, at=clock.now(), name="newsletter.zip", file=_zipped(), **parts
    )
    return _fresh(delivery)


def _zipped() -> BytesIO:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.write(NEWSLETTER / "newsletter.html", "newsletter.html")
        for picture in sorted((NEWSLETTER / "images").iterdir()):
            archive.write(picture, f"images/{picture.name}")
    file.seek(0)
    return file


def _fresh(delivery: Delivery) -> Delivery:
    return Delivery.objects.select_related("unit", "audience", "content", "preparation").get(pk=delivery.pk)


def _status(delivery: Delivery) -> str:
    return Delivery.objects.values_list("status", flat=True).get(pk=delivery.pk)


def _prepare(delivery: Delivery, cast: Cast) -> Delivery:
    preparation.start(delivery=delivery, by=cast.ana, at=clock.now())
    stage.work_until(lambda: _status(delivery) != Status.PREPARING, doing=f"preparation of “{delivery}”")
    return _fresh(delivery)


def _approve(delivery: Delivery, cast: Cast) -> Delivery:
    delivery = _prepare(delivery, cast)
    approval.approve(delivery=delivery, seal=delivery.seal, by=cast.bruno, at=clock.now())
    return _fresh(delivery)


def _confirm(delivery: Delivery, cast: Cast) -> Delivery:
    delivery = _approve(delivery, cast)
    confirmation.confirm(
        delivery=delivery,
        seal=delivery.seal,
        by=cast.carla,
        at=clock.now(),
        typed=delivery.latest_preparation().to_deliver,
    )
    return _fresh(delivery)


def _send(delivery: Delivery, cast: Cast) -> Delivery:
    """Send all of the delivery."""
    delivery = _confirm(delivery, cast)
    stage.work_until(
        lambda: _status(delivery) in groups.FINAL, doing=f"the send of “{delivery}”", ask=look.tick
    )
    return _fresh(delivery)


def _send_a_little(delivery: Delivery, cast: Cast) -> Delivery:
    """Begin to send the delivery: one lane works for a moment."""
    delivery = _confirm(delivery, cast)
    gate.begin(delivery.pk)
    with stage.changed(lane_seconds=0.25):
        jobs.drain(delivery_id=delivery.pk)
    return _fresh(delivery)


def _day(days: int, hour: int) -> datetime:
    """The next working day so many days ahead, at this hour in São Paulo."""
    local = clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=days)
    local += timedelta(days=max(0, 7 - local.isoweekday()) if local.isoweekday() > 5 else 0)
    return datetime.combine(local.date(), time(hour), ZoneInfo(ZONE))


def _service(cast: Cast) -> None:
    """A newsletter that one can sign up for, to which the best customers are subscribed."""
    if Service.objects.filter(label=LETTER, unit=cast.unit).exists():
        return
    at = clock.now()
    service = services.create(
        label=LETTER, public_name=f"{LETTER} – {people.COMPANY}", unit=cast.unit, by=cast.ana, at=at
    )
    texts.activate(service=service, seal=service.texts.get().seal, by=cast.carla, at=at)
    subscribing.subscribe_audience(service=service, audience=cast.audiences[VIPS], by=cast.ines, at=at)


def _campaign(cast: Cast) -> None:
    """A campaign with a goal, in which three of the deliveries lie."""
    if Folder.objects.filter(label=CAMPAIGN, unit=cast.unit).exists():
        return
    stage.ago()
    today = clock.now().date()
    campaign = tree.create(
        label=CAMPAIGN, unit=cast.unit, by=cast.ana, is_campaign=True, owner=cast.ana,
        starts_on=today - timedelta(days=10), ends_on=today + timedelta(days=30),
        goal_figure="clicks", goal_value=Decimal(5), description="What we tell of this year's harvest.",
    )  # fmt: skip
    for delivery in Delivery.objects.filter(label__in=IN_CAMPAIGN, unit=cast.unit):
        placing.place(delivery=delivery, folder=campaign, by=cast.ana)


# -- the chapters ---------------------------------------------------------------------------------------


def _finished(label: str, cast: Cast) -> None:
    stage.ago(days=9)
    delivery = _send(_write(label, cast, audience=EVERYBODY), cast)
    visitors.come(delivery, sent_ago=timedelta(days=9))
    postmasters.write_back(delivery, sent_ago=timedelta(days=9))
    stage.ago()
    FOLD.enqueue()


def _expired(label: str, cast: Cast) -> None:
    stage.ago(days=8)
    date = clock.now() + timedelta(hours=4)
    _approve(
        _write(
            label, cast, audience=VIPS, subject="Only until Sunday: free delivery",
            schedule_kind=ScheduleKind.AT_DATE, contact_date=date, validity_hours=24,
        ),
        cast,
    )  # fmt: skip
    stage.ago(days=6)
    look.tick()


def _failed(label: str, cast: Cast) -> None:
    stage.ago(days=5)
    delivery = _confirm(_write(label, cast, audience=NEW, subject="Welcome to Serra Alta"), cast)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")


def _stopped(label: str, cast: Cast) -> None:
    stage.ago(days=4)
    delivery = _send_a_little(_write(label, cast, audience=EVERYBODY, subject="20 % off, today only"), cast)
    control.stop(delivery=delivery, by=cast.carla, at=clock.now())


def _paused(label: str, cast: Cast) -> None:
    stage.ago(hours=3)
    delivery = _send_a_little(
        _write(label, cast, audience=EVERYBODY, subject="The winter blend is here"), cast
    )
    control.pause(delivery=delivery, by=cast.carla, at=clock.now())


def _scheduled(label: str, cast: Cast) -> None:
    stage.ago(hours=2)
    _confirm(
        _write(
            label, cast, audience=BRAZIL, subject="Next week in Minas: a tasting for you",
            schedule_kind=ScheduleKind.AT_DATE, contact_date=_day(7, 9),
        ),
        cast,
    )  # fmt: skip


def _ready(label: str, cast: Cast) -> None:
    stage.ago(hours=1)
    delivery = _write(
        label, cast, audience=EVERYBODY, schedule_kind=ScheduleKind.LOCAL_HOUR, local_date=_day(10, 8).date(),
        local_hour=time(8, 0),
    )  # fmt: skip
    _approve(delivery, cast)


def _awaiting_approval(label: str, cast: Cast) -> None:
    stage.ago(minutes=40)
    _prepare(
        _write(
            label, cast, audience=VIPS, subject="A thank-you for our regulars", schedule_kind=ScheduleKind.WAVES,
            wave_by=WaveBy.NUMBER, wave_value=4, wave_minutes=60, wave_limit=5,
        ),
        cast,
    )  # fmt: skip


def _preparation_failed(label: str, cast: Cast) -> None:
    stage.ago(minutes=35)
    _prepare(_write(label, cast, audience=NEW, subject=""), cast)


def _rejected(label: str, cast: Cast) -> None:
    stage.ago(minutes=30)
    delivery = _prepare(_write(label, cast, audience=NEW, subject="Your first bag, on us"), cast)
    approval.reject(
        delivery=delivery,
        seal=delivery.seal,
        by=cast.bruno,
        at=clock.now(),
        comment="The voucher ends on the 30th, not on the 31st. Please correct the date.",
    )


def _draft(label: str, cast: Cast) -> None:
    stage.ago(minutes=20)
    drafting.create(by=cast.ana, unit=cast.unit, label=label, audience=cast.audiences[BRAZIL], time_zone=ZONE)


def _sending(label: str, cast: Cast) -> None:
    """Make a delivery whose relay does not answer: the route rests, and no message is lost."""
    stage.ago(minutes=10)
    route, _ = Route.objects.get_or_create(
        label="Relay in maintenance", defaults={"host": "127.0.0.1", "port": 9, "connections": 1}
    )
    delivery = _confirm(_write(label, cast, audience=VIPS, subject="The tasting notes", route=route), cast)
    gate.begin(delivery.pk)
    jobs.drain(delivery_id=delivery.pk)


def _preparing(label: str, cast: Cast) -> None:
    stage.ago()
    delivery = _write(label, cast, audience=EVERYBODY, subject="Coffee for the long weekend")
    preparation.start(delivery=delivery, by=cast.ana, at=clock.now())


def _series(label: str, cast: Cast) -> None:
    """Make a weekly series at nine: one run left two days ago, the next waits, in five days, to be confirmed."""
    stage.ago(days=8)
    begun = clock.now().astimezone(ZoneInfo(ZONE)).date()
    weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[(begun + timedelta(days=6)).weekday()]
    series = _confirm(
        _write(
            label, cast, audience=VIPS, subject="This week's roast", schedule_kind=ScheduleKind.RECURRING,
            recurrence={"rule": f"FREQ=WEEKLY;BYDAY={weekday}", "starts_on": begun, "at": time(9),
                        "ahead_minutes": 7 * 1440, "expires_minutes": 4 * 1440, "late_minutes": 480},
        ),
        cast,
    )  # fmt: skip
    first = next(series.series.recurrence.moments(clock.now()))
    run = _run_of(series)
    confirmation.confirm(
        delivery=run, seal=run.seal, by=cast.carla, at=clock.now(), typed=run.latest_preparation().to_deliver
    )
    _go_to(first + timedelta(seconds=1))
    stage.work_until(lambda: _status(run) in groups.FINAL, doing=f"the send of “{run}”", ask=look.tick)
    stage.ago()
    _run_of(series)


def _paused_series(label: str, cast: Cast) -> None:
    """Make a series that asks for no confirmation of its runs, and is paused over the holidays."""
    stage.ago(days=2)
    series = _confirm(
        _write(
            label, cast, audience=BRAZIL, subject="Happy birthday", schedule_kind=ScheduleKind.RECURRING,
            recurrence={"rule": "FREQ=MONTHLY;BYMONTHDAY=1", "starts_on": _day(0, 8).date(), "at": time(8),
                        "request_confirmation": False},
        ),
        cast,
    )  # fmt: skip
    control.pause(delivery=series, by=cast.carla, at=clock.now())


def _go_to(moment: datetime) -> None:
    stage.ago()
    stage.ago(seconds=(clock.now() - moment).total_seconds())


def _run_of(series: Delivery) -> Delivery:
    """Return the run that is due, prepared."""
    look.tick()
    run = Delivery.objects.filter(execution_of=series).latest("pk")
    stage.work_until(lambda: _status(run) != Status.PREPARING, doing=f"preparation of “{run}”")
    look.tick()
    return _fresh(run)


CHAPTERS: dict[str, Callable[[str, Cast], None]] = {
    "The new harvest": _finished,
    "Free delivery weekend": _expired,
    "Welcome": _failed,
    "Flash sale": _stopped,
    "Winter blend": _paused,
    "Weekly roast": _series,
    "Birthday coffee": _paused_series,
    "Tasting in Minas": _scheduled,
    "Harvest, second mailing": _ready,
    "Thank you, regulars": _awaiting_approval,
    "First bag": _preparation_failed,
    "Voucher for new customers": _rejected,
    "Christmas tins": _draft,
    "Tasting notes": _sending,
    "Long weekend": _preparing,
}
