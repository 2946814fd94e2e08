"""What the tests with axe-core see of a page."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from home.tests.axe import looks, too_wide, violations

pytestmark = pytest.mark.browser
PALE_IN_THE_DARK = """<html lang="en"><title>Pale</title><style>
@media (prefers-color-scheme: dark) { p { color: #333; background: #222; } }
@media (width < 800px) { p { width: 900px; } }
</style><main><h1>Hello</h1><p>Who can read this?</p></main></html>"""


def test_what_is_wrong_in_one_look_alone_is_seen(page: Any) -> None:
    axe = Axe()
    page.set_content(PALE_IN_THE_DARK)

    seen = {look: (violations(axe, page, look), too_wide(page, look)) for look in looks(page)}

    assert seen["1366 light"] == ([], [])
    assert "color-contrast" in seen["390 dark"][0][0]
    assert "<p>" in seen["390 dark"][1][0]
