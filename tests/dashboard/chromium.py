"""A headless Chromium, driven by Debian's chromedriver, each with an empty profile of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)

WAIT_SECONDS_MAX = 180
"""A machine may be busy with other things; nothing is waited for that comes in a second."""


def missing() -> str | None:
    """What is not installed; None where a browser can be driven."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"needs {program} (Debian: apt-get install chromium chromium-driver)"
    return None


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser with `profile` for its files; it is gone when the block ends."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A page with a conversation asks before it is left; here it is left.
    options.set_capability("unhandledPromptBehavior", "accept")
    service = Service(executable_path=shutil.which("chromedriver"))
    browser = Chrome(options=options, service=service)
    try:
        browser.set_page_load_timeout(WAIT_SECONDS_MAX)
        yield browser
    finally:
        browser.quit()
