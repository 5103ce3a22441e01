"""A headless Chromium, driven through the pipe that its own developers' tools use: no package is needed."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, " ": 32}


def chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    if os.name != "posix":  # the pipe's two descriptors are handed over as POSIX does it
        return None
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a headless Chromium.

    Parameters
    ----------
    width, height : int
        Of the window, in pixels.
    """

    def __init__(self, width: int = 1280, height: int = 900):
        self.number, self.events, self.session, self.buffer = 0, [], None, b""
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        to_read, self.writes = os.pipe()
        self.reads, to_write = os.pipe()

        def descriptors():  # Chromium reads commands from descriptor 3 and answers on 4
            os.dup2(to_read, 13), os.dup2(to_write, 14)
            os.dup2(13, 3), os.dup2(14, 4)

        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
            "--hide-scrollbars",
        ]
        self.process = subprocess.Popen(
            [chromium(), *options, f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=descriptors,
            close_fds=False,
        )
        os.close(to_read), os.close(to_write)
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def call(self, method: str, **parameters) -> dict:
        """Send a command of the protocol and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict:
        while b"\0" not in self.buffer:
            read = os.read(self.reads, 1 << 20)
            if not read:
                raise RuntimeError("Chromium has closed its pipe")
            self.buffer += read
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def size(self, width: int, height: int = 900) -> None:
        """Set the window's size in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, **features: str) -> None:
        """Set what the user prefers: prefer(prefers_color_scheme="dark")."""
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=listed)

    def open(self, page: pathlib.Path, ready: str = "document.readyState === 'complete'") -> None:
        """Open a file and wait until an expression is true."""
        self.call("Page.navigate", url=page.as_uri())
        self.wait(ready)

    def wait(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression of the page is true."""
        poll = (
            f"new Promise((done, fail) => {{ const end = Date.now() + {1000 * seconds};"
            f" (function look() {{ let is = false; try {{ is = {expression}; }} catch {{}}"
            " if (is) done(true); else if (Date.now() > end) fail('in vain'); else setTimeout(look, 20);"
            " })(); })"
        )
        for _ in range(200):  # the page itself may be changing
            with contextlib.suppress(RuntimeError):
                return self.evaluate(poll)
        raise TimeoutError(expression)

    def evaluate(self, expression: str):
        """Return the value of an expression in the page; a promise's, once it is there."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            code = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
            text = {"Enter": "\r", " ": " "}.get(key)
            self.call("Input.dispatchKeyEvent", type="keyDown", **code, **({"text": text} if text else {}))
            self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def screenshot(self, path: pathlib.Path) -> None:
        """Save the whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the start."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """Return what the console said: errors, and exceptions that nobody caught."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled" and event["params"]["type"] == "error":
                found.append(str(event["params"]["args"]))
        return found

    def close(self) -> None:
        """End it and remove its profile."""
        with contextlib.suppress(RuntimeError, OSError):
            self.session = None
            self.call("Browser.close")
        self.process.wait(timeout=20)
        os.close(self.writes), os.close(self.reads)
        shutil.rmtree(self.profile, ignore_errors=True)
