"""What `manage.py check` says of what comes back."""

from typing import Any

from django.core.checks import Error, register

from feedback.readers import judging
from feedback.readers.rules import BadReaderRules
from feedback.reports import rules


@register()
def bounce_rules_are_understood(app_configs: Any, **kwargs: Any) -> list[Error]:
    try:
        rules.in_force()
    except rules.BadRules as error:
        hint = "SINETE_BOUNCE_RULES names a file with the form of feedback/reports/rules/failures.toml."
        return [Error(f"The rules for what comes back by mail: {error}", hint=hint, id="sinete.E005")]
    return []


@register()
def reader_rules_are_understood(app_configs: Any, **kwargs: Any) -> list[Error]:
    try:
        judging.in_force()
    except BadReaderRules as error:
        hint = (
            "SINETE_READER_RULES and SINETE_READER_NETWORKS name files of the form of feedback/readers/rules."
        )
        return [Error(f"The rules for who opened and clicked: {error}", hint=hint, id="sinete.E006")]
    return []
