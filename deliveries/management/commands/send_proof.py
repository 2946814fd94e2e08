"""Send a proof."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Q

from accounts import access
from accounts.models import User
from audiences import sight
from audiences.models import Profile, TestProfile
from campaign.lib import clock, numbers
from campaign.lib.jobs import Queue
from deliveries import proofs
from deliveries.commands.base import USAGE, StepCommand, add_wait_options
from deliveries.models import Delivery, ProofMessage


class Command(StepCommand):
    help = "Send the content as it stands to test profiles or oneself, apart from every figure and history."
    example = 'manage.py send_proof DM95 --as ana --test-profile "Phone" --test-profile "Outlook" --wait'

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--test-profile",
            action="append",
            default=[],
            metavar="LABEL",
            help="a test profile; may be repeated",
        )
        parser.add_argument(
            "--to-me", action="store_true", help="to the verified address of whoever does this"
        )
        parser.add_argument(
            "--profile", metavar="ID", help="fill it with the values of this profile (its id or external id)"
        )
        parser.add_argument("--prefix", help="what stands before the subject")
        add_wait_options(parser, what="each copy has its outcome", seconds=120)

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        proof = proofs.send(
            delivery=delivery,
            by=by,
            at=clock.now(),
            test_profiles=[self._test_profile(label, by) for label in options["test_profile"]],
            profile=self._profile(options["profile"], by) if options["profile"] else None,
            prefix=options["prefix"],
            to_me=options["to_me"],
        )
        if options["wait"]:
            self.wait(delivery, until=lambda _: proofs.is_over(proof), seconds=options["timeout"])
        else:
            self.warn_without_worker(Queue.DEFAULT)
        rows = list(proof.messages.values("address", "status", "reply"))
        for row in rows:
            self.say(f"{row['address']}: {ProofMessage.Status(row['status']).label} {row['reply']}".rstrip())
        return {"delivery": delivery.name, "proof": proof.number, "messages": rows}

    def _test_profile(self, label: str, by: User) -> TestProfile:
        found = access.visible(by, TestProfile.objects.filter(label=label)).first()
        if found is None:
            self.fail("no_such_test_profile", f"There is no test profile “{label}”.", exit_code=USAGE)
        return found

    def _profile(self, text: str, by: User) -> Profile:
        named = Q(external_id=text) | Q(pk=numbers.key(text))
        found = sight.with_addresses(by, Profile.objects.filter(named)).first()
        if found is None:
            self.fail("no_such_profile", f"There is no profile “{text}”.", exit_code=USAGE)
        return found
