"""One visitor's browser, which notes what must not happen: errors in the console, breaches of the policy, requests to
anywhere else; and what of a page doesn't fit, or is hard to use."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import urlsplit

WIDE, NARROW = (1440, 900), (390, 844)
SCHEMES = ("light", "dark")

_UNFIT = """() => {
  const wide = document.documentElement.clientWidth;
  const told = (element) => `${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className} ` +
    `“${(element.textContent ?? "").trim().slice(0, 40)}”`;
  const found = [];
  if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (!box.width || !box.height || !element.checkVisibility({visibilityProperty: true}) || element.closest(".hidden, .skip, svg")) continue;
    const scrolled = element.closest(".scroll, .code pre, .tabs");
    if (!scrolled && (box.right > wide + 0.5 || box.left < -0.5)) found.push(`beyond the edge: ${told(element)}`);
    const cut = ["hidden", "clip"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1;
    if (cut && style.textOverflow !== "ellipsis") found.push(`clipped: ${told(element)}`);
    const spills = element.matches("pre") && style.overflowY === "visible" && element.scrollHeight > element.clientHeight + 1;
    if (spills) found.push(`spills over: ${told(element)}`);
    const small = element.matches("a[href], button, summary, input:not([type=hidden]), select, textarea")
      && (box.height < 24 && style.display !== "inline" && !element.closest("label.check, summary"));
    if (small && !(element.tagName === "SUMMARY" && box.height >= 20)) found.push(`only ${box.height} high: ${told(element)}`);
  }
  return found;
}"""

# As they are before they are packed, wherever the browser had them from.
_WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""


class Visit:
    def __init__(
        self,
        browser: Any,
        url: str,
        *,
        cookies: list[Any] | None = None,
        scheme: str = "light",
        size: tuple[int, int] = WIDE,
        scripts: bool = True,
    ) -> None:
        self.url = url
        # What moves while nobody looks is drawn sixty times a second, by the processor.
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        self.context.set_default_timeout(60_000)
        if cookies:
            self.context.add_cookies(cookies)
        self.page = self.context.new_page()
        self.wrongs: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrongs.append(f"script: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.context.close()

    def _console(self, message: Any) -> None:
        # The answer to what was asked for may well be a refusal, which the browser calls an error.
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of" not in message.text
        ):
            self.wrongs.append(f"console: {message.text}")

    def go(self, path: str) -> Any:
        return self.page.goto(self.url + path, wait_until="load")

    def weigh(self, path: str) -> int:
        """Bytes of a first load, with everything that it brings."""
        self.go(path)
        return int(self.page.evaluate(_WEIGHT))

    def sign_in(self, email: str, password: str) -> None:
        self.go("/app/sign-in")
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.url}/app/")

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def look(self, scheme: str, size: tuple[int, int]) -> None:
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.resize(size)

    def unfit(self) -> list[str]:
        """What overflows, is clipped, or is too small to hit (WCAG 2.5.8)."""
        found: list[str] = self.page.evaluate(_UNFIT)
        return found

    def hard_to_use(self) -> list[str]:
        """What axe-core finds."""
        from axe_playwright_python.sync_playwright import Axe

        # What is well is not told node by node: that takes longer than to find what isn't.
        options = {
            "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            "resultTypes": ["violations"],
            # Style sheets are the browser's business: no rule of these reads them itself.
            "preload": False,
        }
        response = Axe().run(self.page, options=options).response
        return [
            f"{violation['id']}: {node['html'][:160]} ({node['failureSummary']})"
            for violation in response["violations"]
            for node in violation["nodes"]
        ]

    def elsewhere(self) -> list[str]:
        """What was asked for that isn't ours."""
        host = urlsplit(self.url).netloc
        return [each for each in self.asked if urlsplit(each).netloc != host and not each.startswith("data:")]
