"""The groups of statuses agree with one another and with the table of steps."""

import pytest

from deliveries.lifecycle import Step, groups
from deliveries.models import Status


@pytest.mark.parametrize("status", Status)
def test_each_status_is_unconfirmed_released_activated_or_final_and_nothing_else(status):
    found = [
        status in group for group in (groups.UNCONFIRMED, groups.RELEASED, groups.ACTIVATED, groups.FINAL)
    ]

    assert found.count(True) == 1


@pytest.mark.parametrize(
    ("group", "steps"),
    [
        (groups.EDITABLE, [Step.EXPIRE]),
        (groups.UNDECIDED, [Step.APPROVE, Step.CONFIRM]),
        (groups.UNDER_WAY, [Step.STOP]),
        (groups.RELEASED, [Step.FAIL]),
        (groups.ACTIVATED, [Step.END]),
        (groups.AT_REST, [Step.RESUME, Step.CONTINUE]),
    ],
)
def test_a_group_holds_what_its_steps_begin_from(group, steps):
    assert group == frozenset().union(*(step.sources for step in steps))


def test_no_person_leads_a_delivery_out_of_what_is_final():
    assert not [step for step in Step if step.right is not None and step.sources & groups.FINAL]


def test_a_status_as_it_is_stored_is_found_in_its_group():
    assert "sending" in groups.UNDER_WAY
    assert "draft" not in groups.BEGUN
