"""A real browser for tests: Chromium without a window, told what to do over a pipe (Chrome DevTools protocol)."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """The browser to use: ``CRM_BROWSER``, else the first of the usual names; None also where there is no bash."""
    if shutil.which("bash") is None:
        return None
    return os.environ.get("CRM_BROWSER") or next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page. ``events`` holds what the browser reported, in order."""

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process, self._write, self._read = process, write, read
        self._left, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what is reported meanwhile goes to ``events``."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Browser.", "Target.")):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser ended"
            self._left += more
        message, _, self._left = self._left.partition(b"\0")
        content: dict[str, Any] = json.loads(message)
        return content

    def wait(self, method: str) -> dict[str, Any]:
        """The next report of that kind, also one that has come already."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                seen += 1
                if event.get("method") == method:
                    self.events.remove(event)
                    return event
            self.events.append(self._next())

    def open(self, url: str) -> None:
        """Load a page and wait until it has been."""
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in done, done.get("exceptionDetails")
        return done["result"].get("value")

    def view(self, width: int, height: int, dark: bool = False, print_out: bool = False) -> None:
        """Size of the window in pixels, colours preferred, and whether it is for print."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media="print" if print_out else "", features=scheme)

    def complaints(self) -> list[str]:
        """Errors and warnings of the page so far, its own and the browser's."""
        found = []
        for event in self.events:
            details = event.get("params", {})
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    found.append(str(details["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if details["type"] in ("error", "warning", "assert"):
                    found.append(str(details["args"]))
                case "Log.entryAdded" if details["entry"]["level"] in ("error", "warning"):
                    found.append(details["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Addresses asked for so far."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [str(event["params"]["request"]["url"]) for event in asked]


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """A browser with a profile of its own in ``folder``; ended with the block."""
    path = browser_path()
    assert path is not None
    its_read, write = os.pipe()
    read, its_write = os.pipe()

    # The protocol's pipe is file descriptors 3 (the browser reads) and 4 (it writes); bash puts them there (sh knows
    # descriptors of one digit only).
    command = f'exec "$0" "$@" 3<&{its_read} 4>&{its_write}'
    process = subprocess.Popen(
        ["bash", "-c", command, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder}", "--hide-scrollbars"],
        pass_fds=(its_read, its_write),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(its_read)
    os.close(its_write)
    try:
        yield Tab(process, write, read)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(write)
        os.close(read)
