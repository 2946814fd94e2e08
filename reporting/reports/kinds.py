"""All reports by name, in the order in which they are offered."""

from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from reporting.figures.kpis import BY_CODE, DEFINITIONS
from reporting.reports import comparison, engagement, roll_ups, single
from reporting.reports.frame import CHANGES_BY_HOUR, Kind
from reporting.reports.subjects import About

ONLY_SEEN = _("Only deliveries that you may see and that began to be sent are in these numbers.")
TWICE = _("Whoever opened two deliveries counts in both: these are sums of people by delivery.")
ONLY_SEEN_PEOPLE = _("People whom you may not see are taken together in one row.")
_PEOPLE = (BY_CODE["delivered"], BY_CODE["opens"], BY_CODE["clicks"])


class NoSuchReport(Refusal):
    message = _("There is no report “%(code)s”: choose one of %(known)s.")
    code = "no_such_report"
    exit_code = 2


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "delivery", _("Figures of a delivery"), _("Every figure of one delivery, with what it means."),
            About.DELIVERY, single.figures, meanings=DEFINITIONS, notes=[CHANGES_BY_HOUR],
            name=_("Figures"),
        ),
        Kind(
            "throughput", _("Throughput of a delivery"), _("How fast one delivery left: answers of servers over time."),
            About.DELIVERY, single.speed, meanings=(BY_CODE["delivered"], BY_CODE["failed"]),
            name=_("Throughput"),
        ),
        Kind(
            "reactions", _("Opens and clicks of a delivery"), _("When readers of one delivery opened and clicked."),
            About.DELIVERY, single.over_time, meanings=(BY_CODE["opens"], BY_CODE["clicks"]),
            name=_("Opens and clicks"),
        ),
        Kind(
            "failures", _("Failures of a delivery"), _("Why messages of one delivery failed, and at whose servers."),
            About.DELIVERY, single.why, meanings=(BY_CODE["failed"],), notes=[ONLY_SEEN_PEOPLE],
            name=_("Failures"),
        ),
        Kind(
            "engagement", _("Engagement with a delivery"),
            _("Who opened and clicked one delivery: by provider, by language, by hour."),
            About.DELIVERY, engagement.tables, meanings=_PEOPLE, notes=[ONLY_SEEN_PEOPLE],
            name=_("Engagement"),
        ),
        Kind(
            "comparison", _("Comparison of deliveries"), _("Two deliveries or more, side by side."),
            About.DELIVERIES, comparison.tables, meanings=DEFINITIONS, notes=[CHANGES_BY_HOUR],
        ),
        Kind(
            "folder", _("Folder or campaign"), _("All that lies in a folder, and how far a campaign is with its goal."),
            About.FOLDER, roll_ups.of_folder, meanings=DEFINITIONS, notes=[ONLY_SEEN, TWICE, CHANGES_BY_HOUR],
            takes_days=True,
        ),
        Kind(
            "unit", _("Unit"), _("All deliveries of a unit and of those below, unit by unit."),
            About.UNIT, roll_ups.of_unit, meanings=DEFINITIONS, notes=[ONLY_SEEN, TWICE, CHANGES_BY_HOUR],
            takes_days=True,
        ),
    )
}  # fmt: skip


def beside(kind: Kind) -> list[Kind]:
    """The reports of one delivery, this one among them; none of anything else."""
    return [one for one in KINDS.values() if one.about == kind.about == About.DELIVERY]


def named(code: str) -> Kind:
    """The report of this name; raise NoSuchReport."""
    if code not in KINDS:
        raise NoSuchReport(code=code[:40], known=", ".join(KINDS))
    return KINDS[code]
