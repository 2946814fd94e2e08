"""Pages and desk offer the same steps under the same names, and say the same in place of a missing one."""

import html
import re

import pytest
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.roles import root
from accounts.tests.factories import UserFactory
from deliveries import desk
from deliveries.lifecycle import Step
from deliveries.lifecycle.actions import ACTIONS
from deliveries.tests.factories import DeliveryFactory
from deliveries.views import actions


def test_each_step_of_the_pages_stands_at_the_desk_with_the_same_label():
    at_the_desk = {one.action.step: one.label for one in desk.STEPS.values() if one.action.step}

    assert {step: button.label for step, button in actions.STEPS.items()} == at_the_desk


def test_no_two_actions_take_the_same_step():
    steps = [action.step for action in ACTIONS.values() if action.step]

    assert len(steps) == len(set(steps))
    assert {step for step in Step if step.right} >= set(steps)


def both(client, user, delivery):
    """The page and the desk's page as the person reads them."""
    client.force_login(user)
    pages = (
        reverse("deliveries:dashboard", args=[delivery.pk]),
        reverse("admin:deliveries_delivery_change", args=[delivery.pk]),
    )
    return [html.unescape(re.sub(r"\s+", " ", client.get(page).content.decode())) for page in pages]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stage", "role", "said"),
    [
        ("ready", "prepare", "You may prepare this delivery but not send it. Ask one of:"),
        ("ready", "approve", "You may see this delivery but not send it. Ask one of:"),
        ("awaiting_approval", "prepare", "It waits for an approval."),
    ],
)
def test_the_reason_in_place_of_a_button_stands_on_both(client, stage, role, said):
    delivery = DeliveryFactory(approval_policy=ApprovalPolicy.ONE, **{stage: True})
    UserFactory(roles={"start": root()})
    reader = UserFactory(is_staff=True, roles={role: root()})

    page, at_the_desk = both(client, reader, delivery)

    assert said in page
    assert said in at_the_desk


@pytest.mark.django_db
def test_whoever_four_eyes_keep_from_approving_is_told_so_on_both(client):
    maker = UserFactory(is_staff=True, roles={"prepare": root(), "approve": root()})
    delivery = DeliveryFactory(by=maker, approval_policy=ApprovalPolicy.FOUR_EYES, awaiting_approval=True)

    for shown in both(client, maker, delivery):
        assert "You prepared or wrote this: someone else must approve it." in shown
