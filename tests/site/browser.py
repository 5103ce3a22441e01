"""A headless Chromium, told what to do through two pipes, in its DevTools protocol."""

import base64
import contextlib
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --disable-dev-shm-usage "
    "--no-first-run --hide-scrollbars --disable-background-networking --disable-component-update"
).split()
# gives the browser its two pipes as the descriptors 3 and 4, where it expects them
AS_3_AND_4 = """
import os, sys
for number, place in zip(map(int, sys.argv[1:3]), (3, 4)):
    os.dup2(number, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, " ": 32}


def find():
    """Return the path of a Chromium that can be told what to do here, or None."""
    if sys.platform == "win32":  # where a process inherits no pipes as descriptors 3 and 4
        return None
    return os.environ.get("MINIRES_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine; yield its address, and the list of what is asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code="-", size="-"):
            asked.append((self.path, str(int(code))))

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()
            thread.join()


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, path, *, width=1280, height=900):
        import fcntl  # which Windows lacks, and `find` knows

        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (to_browser, self._out), (self._in, from_browser) = os.pipe(), os.pipe()
        self._number, self._waiting, self.said, self.asked = 0, b"", [], []
        command = [path, *OPTIONS, f"--user-data-dir={self._home.name}", "about:blank"]
        numbers = [fcntl.fcntl(number, fcntl.F_DUPFD, 10) for number in (to_browser, from_browser)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", AS_3_AND_4, *map(str, numbers), *command],
            pass_fds=numbers,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in (*numbers, to_browser, from_browser):
            os.close(number)
        self._session = None
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        self.size(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._home.cleanup()

    def send(self, method, **parameters):
        """Call a method of the protocol and return its result. Raises RuntimeError if it fails."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if answer.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                self.said.append(answer)
            elif answer.get("method") == "Network.requestWillBeSent":
                self.asked.append(answer["params"]["request"]["url"])

    def _read(self):
        while b"\0" not in self._waiting:
            content = os.read(self._in, 1 << 16)
            if not content:
                raise RuntimeError("the browser has ended")
            self._waiting += content
        message, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(message)

    def size(self, width, height=900, *, dark=False, still=False):
        """Make the page so large, light or dark, for a user who wants motion or none."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        wishes = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.send("Emulation.setEmulatedMedia", features=features)

    def open(self, address):
        """Open a page and wait until it has loaded."""
        self.send("Page.navigate", url=address)
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'", 30)

    def value(self, expression):
        """Return the value of a JavaScript expression, awaited. Raises RuntimeError for an exception."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:2000])
        return done["result"].get("value")

    def wait(self, expression, seconds):
        """Wait until a JavaScript expression is true, and return it. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not (value := self.value(expression)):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{expression} is still {value} after {seconds} s; page: {self.text()[-1500:]}"
                )
            time.sleep(0.1)
        return value

    def press(self, *keys):
        """Press keys, one after the other."""
        for key in keys:
            code = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
            text = {"Enter": "\r", " ": " "}.get(key)
            self.send("Input.dispatchKeyEvent", type="keyDown", **code, **({"text": text} if text else {}))
            self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    def text(self):
        """Return what the page says."""
        return self.value("document.body.innerText")

    def picture(self, path, *, whole=False):
        """Save what is seen, or the whole page, as a PNG."""
        options = {"captureBeyondViewport": True} if whole else {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", **options)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))
