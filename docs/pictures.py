"""`make pictures`: the pictures of the documentation, taken of the demo data in a real browser.

With `tutorial` only those of docs/tutorial.md.
"""

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, sync_playwright

from campaign.stack.browser import HOW_TO, find
from campaign.stack.temporary import Stack, temporary_stack
from docs import tutorial_commands

FOLDER = Path(__file__).parent / "pictures"
PROCESSES = ("web", "mail", "work", "steps", "counts", "send", "tick", "cron")
HERE: dict[str, Any] = {
    "timezone_id": "America/Sao_Paulo",
    "locale": "en-GB",
    "device_scale_factor": 1,
}  # of who looks
PASSWORD = "cafezinho"  # of the demo's people
# name of the picture -> who looks, label of the delivery, path behind it, width
PICTURES = {
    "dashboard": ("carla", "The new harvest", "", 1366),
    "confirm": ("carla", "Harvest, second mailing", "confirm/", 1000),
}


def main() -> int:
    program = find()
    if not program:
        print(HOW_TO, file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        if "tutorial" not in sys.argv[1:]:
            _demo(browser)
        _tutorial(browser)
        browser.close()
    return 0


def _demo(browser: Browser) -> None:
    with temporary_stack(["web", "mail"]) as stack:
        print("Loading the demo data …")
        stack.manage("load_demo")
        for name in PROCESSES[2:]:
            stack.start(name)
        _until_up(stack)
        _until_workers_are(browser, stack)
        for name, (user, label, path, width) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": 844}, **HERE)
            with _signed_in(page, stack, user):
                _go(page, "/deliveries/?rows=100")
                page.get_by_role("link", name=label, exact=True).click()
                page.goto(page.url + path)
                page.wait_for_load_state("networkidle")
                page.screenshot(
                    path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": width, "height": 844}
                )
            print(f"  docs/pictures/{name}.png")
        _look(stack, browser, "ana", "campaign", _campaign)


def _campaign(page: Page) -> None:
    """The report of the demo's campaign."""
    _go(page, "/folders/")
    page.get_by_role("link", name="Harvest", exact=True).click()
    page.get_by_role("link", name="Report", exact=True).click()


def _tutorial(browser: Browser) -> None:
    """Do what the tutorial tells to type, where there are the demo's people alone, and look at the pages beside it."""
    with temporary_stack(PROCESSES) as stack:
        stack.manage("shell", "--verbosity", "0", "--command", "from accounts import demo; demo.load()")
        _until_up(stack)
        _told(stack, browser)


def _told(stack: Stack, browser: Browser) -> None:
    made = ""
    for told in tutorial_commands.told():
        words = [made if word == tutorial_commands.MADE else word for word in told]
        if words[0] == "import_profiles" and "--dry-run" in words:
            _look(stack, browser, "ines", "tutorial-file", _dry_run)
        if words[0] == "confirm_delivery":
            shown = json.loads(stack.manage("show_delivery", made, "--as", "carla", "--json"))
            words += ["--seal", shown["preparation"]["seal"]]
        answer = json.loads(stack.manage(*words, "--json"))
        if words[0] == "create_audience":
            path = f"/audiences/{answer['audience']}/edit/"
            _look(stack, browser, "ana", "tutorial-rule", lambda page, path=path: _go(page, path))
        if words[0] == "create_delivery":
            made, path = answer["delivery"], f"/deliveries/{answer['id']}/content/begin/"
            _look(stack, browser, "ana", "tutorial-templates", lambda page, path=path: _go(page, path))
    _look(stack, browser, "carla", "tutorial-sent", lambda page: _go(page, f"/deliveries/{made[2:]}/"))


def _look(stack: Stack, browser: Browser, user: str, name: str, there: Callable[[Page], object]) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 844}, **HERE)
    with _signed_in(page, stack, user):
        there(page)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=FOLDER / f"{name}.png")
    print(f"  docs/pictures/{name}.png")


def _go(page: Page, path: str) -> None:
    page.goto(urljoin(page.url, path))


def _dry_run(page: Page) -> None:
    _go(page, "/imports/")
    page.get_by_label("CSV file").set_input_files(FOLDER.parent / "tutorial" / "customers.csv")
    page.get_by_label("Unit").first.select_option(label="Café Aurora")
    page.get_by_role("button", name="Dry run", exact=True).click()
    page.get_by_label("Where they stand", exact=True).select_option(
        "Status of the subscription", timeout=60_000
    )
    page.get_by_label("Where they stand", exact=True).scroll_into_view_if_needed()


@contextmanager
def _signed_in(page: Page, stack: Stack, user: str) -> Iterator[None]:
    page.goto(f"{stack.web_url}/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{stack.web_url}/")
    yield
    page.close()


def _until_workers_are(browser: Browser, stack: Stack) -> None:
    """No page says that there is none."""
    page = browser.new_page(**HERE)
    with _signed_in(page, stack, "carla"):
        for _attempt in range(100):
            if not page.get_by_text("No worker is running").count():
                return
            page.wait_for_timeout(500)
            page.reload()
    raise SystemExit("the workers did not come up")


def _until_up(stack: Stack) -> None:
    for _attempt in range(100):
        try:
            with urllib.request.urlopen(f"{stack.web_url}/login/", timeout=2):
                return
        except OSError:
            continue
    raise SystemExit("the web process did not come up")


if __name__ == "__main__":
    sys.exit(main())
