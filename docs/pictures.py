"""`make pictures`: the pictures of the documentation, taken of the demo data in a real browser."""

import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from campaign.stack.browser import HOW_TO, find
from campaign.stack.temporary import Stack, temporary_stack

FOLDER = Path(__file__).parent / "pictures"
PASSWORD = "cafezinho"  # of the demo's people
# name of the picture -> who looks, label of the delivery, path behind it, width
PICTURES = {
    "dashboard": ("carla", "The new harvest", "", 1280),
    "confirm": ("carla", "Harvest, second mailing", "confirm/", 1000),
    "approval": ("bruno", "Thank you, regulars", "approval/", 1280),
    "sending-log": ("carla", "The new harvest", "deployment/window/sending/", 1280),
    "dashboard-phone": ("carla", "The new harvest", "", 390),
    "series": ("carla", "Weekly roast", "", 1280),
}


def main() -> int:
    program = find()
    if not program:
        print(HOW_TO, file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    with temporary_stack(["web", "mail"]) as stack, sync_playwright() as playwright:
        print("Loading the demo data …")
        stack.manage("load_demo")
        _until_up(stack)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (user, label, path, width) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": 844}, device_scale_factor=1)
            with _signed_in(page, stack, user):
                page.get_by_role("link", name=label, exact=True).click()
                page.goto(page.url + path)
                page.wait_for_load_state("networkidle")
                page.screenshot(
                    path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": width, "height": 844}
                )
            print(f"  docs/pictures/{name}.png")
        browser.close()
    return 0


@contextmanager
def _signed_in(page: Page, stack: Stack, user: str) -> Iterator[None]:
    page.goto(f"{stack.web_url}/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{stack.web_url}/")
    yield
    page.close()


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
