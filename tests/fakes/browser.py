"""A real headless Chromium, driven by Playwright; the system's own, nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

AXE = Path(__file__).parent / "axe-core" / "axe.min.js"
"""axe-core 4.14.1, MPL 2.0, unchanged; its licence lies beside it."""

_NEEDED = "Debian's package `chromium` and `pip install playwright`"


def missing() -> str | None:
    """Why no browser can be started here, or None where one can."""
    if shutil.which("chromium") is None:
        return f"browser tests need {_NEEDED}, found no program `chromium`"
    try:
        import playwright  # noqa: F401
    except ImportError as error:
        return f"browser tests need {_NEEDED}, found no driver: {error}"
    return None


class Visit:
    """One page opened in the browser, and what it did there.

    Attributes:
        page: Playwright's page.
        said: everything that it wrote to the console, errors included.
        asked: every address that it asked for, but for the page itself and data in it.
    """

    def __init__(self, context, address: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(120_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._note)
        self._address = address
        self.page.goto(address)

    def _note(self, request) -> None:
        if request.url != self._address and not request.url.startswith("data:"):
            self.asked.append(request.url)

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return self.page.evaluate(wide)

    def violations(self) -> list[str]:
        """What axe-core finds serious or critical, by the rules of WCAG 2.2 AA and its own."""
        self.page.evaluate(AXE.read_text("utf-8"))  # by the driver: the page itself may run none
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


class Browser:
    """Starts Chromium once and opens pages in contexts of their own."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=flags, timeout=120_000
        )

    def visit(self, address: str, width: int = 1200, scheme: str = "light") -> Visit:
        """Opens an address in a window of some width, on a light or dark desktop."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=False
        )
        return Visit(context, address)

    def close(self) -> None:
        """Ends the browser."""
        self._browser.close()
        self._playwright.stop()
