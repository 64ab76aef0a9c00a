"""Pilot: a person at the dashboard, as sentences over the browser."""

from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.dashboard.chromium import WAIT_SECONDS_MAX

T = TypeVar("T")

# How the driver says that the page was drawn anew under its hand: between finding an element and
# asking it something, or between that and the click. The last comes as an "unknown error".
DRAWN_ANEW = ("stale element", "intercepted", "does not belong to the document")


class Pilot:
    """Drives `browser` on the server at `root`."""

    def __init__(self, browser: Chrome, root: str) -> None:
        self.browser = browser
        self.root = root

    def go(self, path: str) -> None:
        """Open a page, forgetting what the browser complained of before."""
        self.browser.get(self.root + path)
        self.complaints()

    def until(self, what: Callable[[], T]) -> T:
        """What it gives, as soon as that is true."""

        def look(_: Chrome) -> T | None:
            try:
                return what() or None
            except WebDriverException as error:
                if any(words in str(error) for words in DRAWN_ANEW):
                    return None
                raise

        return WebDriverWait(self.browser, WAIT_SECONDS_MAX, poll_frequency=0.05).until(look)

    def find(self, css: str) -> WebElement:
        """The first visible element, as soon as there is one."""
        return self.until(lambda: next((e for e in self.all(css) if e.is_displayed()), None))

    def all(self, css: str) -> list[WebElement]:
        """Every element there is now."""
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def click(self, css: str) -> None:
        """Click an element, however often it is drawn anew under the mouse."""

        def act() -> bool:
            self.find(css).click()
            return True

        self.until(act)

    def write(self, css: str, words: str) -> None:
        """Put words into an empty field."""
        element = self.find(css)
        element.clear()
        element.send_keys(words)

    def paste(self, css: str, words: str) -> None:
        """Put words into a field at once, as from the clipboard: thousands of keys take long."""
        element = self.find(css)
        element.click()
        self.browser.execute_cdp_cmd("Input.insertText", {"text": words})
        self.until(lambda: element.get_attribute("value") == words)

    def press(self, *keys: str) -> None:
        """Keys on whatever has the focus."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def tab_to(self, css: str, most: int = 80) -> WebElement:
        """By Tab alone to an element."""
        for _ in range(most):
            self.press(Keys.TAB)
            active = self.browser.switch_to.active_element
            if active in self.all(css):
                return active
        raise AssertionError(f"{css} is not reached by {most} tabs")

    def sees(self, css: str, words: str) -> None:
        """Wait until an element says the words."""
        self.until(lambda: any(words in each.text for each in self.all(css)))

    def listen(self) -> None:
        """Remember from now on what the page says in its corner, where words stay for seconds."""
        self.ask(
            "window.heard = [];"
            "document.addEventListener('athanor:said', (e) => window.heard.push(e.detail.value));"
        )

    def hears(self, words: str) -> None:
        """Wait until that was said since `listen`."""
        self.until(lambda: self.ask("return window.heard.includes(arguments[0])", words))

    def says(self, css: str) -> str:
        """What the element says now."""
        return self.until(lambda: self.find(css).text)

    def ask(self, script: str, *arguments: object) -> object:
        """What a script in the page returns."""
        return self.browser.execute_script(script, *arguments)

    def size(self, width: int, height: int) -> None:
        """Another window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        """The system's light or dark colours, at once: a colour half way has another contrast."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def complaints(self) -> list[str]:
        """Errors and breaches of the content policy that the browser told since the last call."""
        logs = self.browser.get_log("browser")
        return [each["message"] for each in logs if each["level"] == "SEVERE"]
