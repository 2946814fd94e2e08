import pytest

from campaign.stack import temporary
from campaign.stack.errors import StackError


@pytest.mark.slow
def test_a_temporary_stack_is_safe_and_leaves_nothing(monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")

    with temporary.temporary_stack(["mail"], migrate=False) as stack:
        mail = stack.processes["mail"][0]
        assert temporary.safety(stack.env["DATABASE_URL"]) == temporary.SAFE
        assert mail.poll() is None, stack.said("mail")

    assert mail.poll() is not None
    assert not stack.folder.exists()


def test_it_refuses_a_database_that_somebody_named():
    with pytest.raises(StackError, match="DATABASE_URL is set"), temporary.temporary_stack():
        pass
