"""A page in headless Chromium, over its DevTools protocol: phone width, console messages, screenshots."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def chromium() -> str | None:
    """The path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page; `problems` are its console errors, exceptions and failed or remote requests so far."""

    def __init__(self, connection: websocket.WebSocket):
        self.connection = connection
        self.numbers = itertools.count(1)
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.loaded = False
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and wait for what it returns."""
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv())
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._hear(message)

    def open(self, path: Path, width: int, height: int) -> None:
        """Load a file in a phone's viewport."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True
        )
        self.loaded = False
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self._hear(json.loads(self.connection.recv()))

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a PNG of what the phone shows, or of the whole page."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _hear(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.problems.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])


@contextlib.contextmanager
def page(browser: str, profile: Path) -> Iterator[Page]:
    """A fresh browser with one page; it ends with the block."""
    process = subprocess.Popen(
        [browser, *QUIET, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port.exists() and port.read_text().strip()):
            assert process.poll() is None, f"{browser} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{browser} opened no port within a minute"
            time.sleep(0.05)
        number, path = port.read_text().split()
        socket = websocket.create_connection(
            f"ws://127.0.0.1:{number}{path}", timeout=60, suppress_origin=True
        )
        # The browser's own socket: attach to its page through it.
        with contextlib.closing(socket):
            targets = _call(socket, "Target.getTargets")["targetInfos"]
            identity = next(target["targetId"] for target in targets if target["type"] == "page")
        address = f"ws://127.0.0.1:{number}/devtools/page/{identity}"
        own = websocket.create_connection(address, timeout=60, suppress_origin=True)
        with contextlib.closing(own):
            yield Page(own)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _call(socket: websocket.WebSocket, method: str) -> dict[str, Any]:
    socket.send(json.dumps({"id": 1, "method": method}))
    while True:
        message = json.loads(socket.recv())
        if message.get("id") == 1:
            return message["result"]
