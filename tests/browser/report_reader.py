"""A person with a browser who opens pages from disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page


@dataclass
class Reader:
    """Opens the pages of a report and notes everything that should not happen."""

    browser: Browser
    folder: Path
    troubles: list[str] = field(default_factory=list)
    """Errors of the console, scripts that ran from data, requests beyond the report."""

    @property
    def files(self) -> list[str]:
        """All pages of the report."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))

    def open(
        self,
        file: str,
        *,
        width: int = 1280,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
    ) -> Page:
        """Open a page in a fresh window, unfold all of it and wait until its figures are drawn."""
        for context in self.browser.contexts:
            context.close()
        context = self.browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
        )
        page = context.new_page()
        page.on("console", lambda message: self._console(file, message.type, message.text))
        page.on("pageerror", lambda error: self.troubles.append(f"{file}: {error}"))
        page.on("request", lambda request: self._request(file, request.url))
        page.on(
            "requestfailed", lambda request: self.troubles.append(f"{file}: no answer from {request.url}")
        )
        page.on("dialog", lambda dialog: self.troubles.append(f"{file}: a script ran: {dialog.message}"))
        page.goto((self.folder / file).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        if scripts:
            for figure in page.locator(".figure").all():
                figure.scroll_into_view_if_needed()
                figure.locator(".drawn svg").wait_for()
        return page

    def _console(self, file: str, kind: str, text: str) -> None:
        if kind == "error":
            self.troubles.append(f"{file}: {text}")

    def _request(self, file: str, url: str) -> None:
        if not url.startswith(self.folder.as_uri() + "/"):
            self.troubles.append(f"{file}: asked for {url}")
