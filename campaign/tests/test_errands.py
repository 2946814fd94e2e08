"""What waits for a worker is found by one look, and nothing is asked for while nothing waits."""

import django_rq
import pytest
from django.utils import timezone

from accounts.models import Letter, LetterKind
from accounts.tests.factories import UserFactory
from audiences import imports
from campaign import errands
from campaign.lib.jobs import Queue
from feedback.models import IncomingMail, MailSource

pytestmark = pytest.mark.django_db

HANDFUL = 28  # statements of a look


def queued():
    queue = django_rq.get_queue(Queue.DEFAULT)
    found = sorted(job.func_name for job in queue.get_jobs())
    queue.empty()
    return found


def a_letter():
    user = UserFactory()
    now = timezone.now()
    Letter.objects.create(user=user, to=user.email, kind=LetterKind.PASSWORD_CHANGED, at=now, mail_after=now)


def a_source():
    MailSource.objects.create(label="Bounces", kind=MailSource.Kind.MAILDIR, path="/nowhere")


def a_mail():
    IncomingMail.objects.create(digest=b"1" * 32, raw=b"Subject: hello\n\nhello\n")


@pytest.mark.parametrize(
    ("lies_about", "job"),
    [
        (a_letter, "accounts.jobs.mail_letters"),
        (a_source, "feedback.jobs.fetch_mail"),
        (a_mail, "feedback.jobs.read_mail"),
    ],
    ids=["letter", "source", "mail"],
)
def test_what_waits_is_asked_for_once(lies_about, job, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        lies_about()

    errands.look()
    errands.look()

    assert queued() == [job]


def test_nothing_is_asked_for_while_nothing_waits_in_a_handful_of_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(HANDFUL):
        errands.look()

    assert queued() == []


def test_one_errand_that_fails_keeps_none_of_the_others_from_being_seen_to(monkeypatch):
    a_source()
    monkeypatch.setattr(errands.letters, "due", lambda _at: imports.no_such_name)

    with pytest.raises(AttributeError):
        errands.look()

    assert queued() == ["feedback.jobs.fetch_mail"]
