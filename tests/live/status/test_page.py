"""The page as somebody has it beside the instrument: in a real browser, during a real run of the command."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from flowroi.live.report import FAULTS
from flowroi.live.status.gain import GainsSoFar
from tests.live.conftest import put, well_files
from tests.live.status.conftest import HOSTILE, TOKEN, place, status

MS = 60_000
# A child of a process that ignores SIGINT ignores it, too.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import flowroi.cli; flowroi.cli.main()"
)
# Hundreds of wells are shown as well as twelve.
SIZES = {"movie": (0, 0), "strip": (1, 2), "96": (8, 12), "1536": (32, 48)}


class Seen:
    """A page, and what it said, asked for, and was stopped at."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self.context.new_page()
        self.said, self.urls = [], []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.add_init_script(
            "window.stopped = []; addEventListener('securitypolicyviolation', (e) => stopped.push(e.blockedURI));"
        )

    def text(self, name):
        return self.page.locator(f"#{name}").inner_text()

    def wait(self, expression):
        # Not by the browser's own means: the page's policy lets nobody evaluate text in it.
        deadline = time.monotonic() + MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, (expression, self.said, self.page.inner_text("body"))
            self.page.wait_for_timeout(50)

    def assert_silent(self):
        assert self.said == []
        assert self.page.evaluate("window.stopped") == []
        assert self.page.evaluate("window.ran") is None


@pytest.fixture
def see(browser):
    opened = []

    def call(**options):
        opened.append(Seen(browser, **options))
        return opened[-1]

    yield call
    for one in opened:
        one.context.close()


class Command:
    """`flowroi watch` in a process of its own."""

    def __init__(self, *arguments, cwd):
        command = [sys.executable, "-c", START, "watch", *map(os.fspath, arguments), "--json", "--verbose"]
        self.process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events = []
        self._told = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            with self._told:
                self.events.append(json.loads(line))
                self._told.notify_all()
        with self._told:
            self.events.append({"type": "end"})
            self._told.notify_all()

    def wait_for(self, kind, count=1):
        def there():
            return sum(event["type"] == kind for event in self.events) >= count or self.events[-1:] == [{"type": "end"}]

        with self._told:
            assert self._told.wait_for(there, 60), self.events
        found = [event for event in self.events if event["type"] == kind]
        assert len(found) >= count, (self.events, self.process.stderr.read())
        return found[-1]

    def close(self):
        self.process.kill()
        self.process.wait(60)
        self._thread.join(60)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def command():
    started = []

    def start(*arguments, cwd):
        started.append(Command(*arguments, cwd=cwd))
        return started[-1]

    yield start
    for one in started:
        one.close()


OPTIONS = ("--settle", "0.15", "--interval", "0.05", "--patience", "0.5", "--psnr", "36", "--workers", "2")


def test_during_a_run(raw, tmp_path, command, see):
    """It updates by itself, shows the latest frame, keeps hostile names inert, asks nobody else, and tells the end."""
    incoming = tmp_path / HOSTILE
    incoming.mkdir()
    files = well_files(raw)
    running = command(incoming, "-o", tmp_path / "out.ome.zarr", *OPTIONS, "--status", "0", cwd=tmp_path)
    url = running.wait_for("serving")["url"]
    base = url.split("?")[0]
    seen = see()
    page = seen.page
    page.goto(url)
    # The token is out of sight at once.
    assert page.url == base
    seen.wait("document.querySelector('#state-name').textContent === 'Watching'")
    assert "No file has come yet" in page.locator("#plate").inner_text()
    for file in files[:3]:
        put(file, incoming)
    put(well_files(raw, "B02")[0], incoming)
    seen.wait("document.querySelector('[data-well=A1] .number')?.textContent === '3'")
    # It grows without a touch.
    for file in files[3:6]:
        put(file, incoming)
    seen.wait("document.querySelector('[data-well=A1] .number').textContent === '6'")
    seen.wait("document.querySelector('#frames').textContent === '7'")
    # The latest frame of the well that is chosen at first, then of another one.
    seen.wait("document.querySelector('#overlay').naturalWidth === 80")
    page.locator("[data-well=B2]").click()
    seen.wait("document.querySelector('#position-title').textContent === 'Well B2'")
    seen.wait("document.querySelector('#overlay').alt.startsWith('Frame 0 of B2_f0')")
    assert page.evaluate("document.querySelector('#overlay').naturalWidth") == 80
    assert seen.text("p-frames") == "1"
    page.locator("[data-well=B2]").press("ArrowUp")
    page.locator("[data-well=B2]").press("ArrowLeft")
    assert page.locator("[data-well=B2]").get_attribute("aria-pressed") == "true"
    # Names from anywhere.
    hostile = [
        f"{HOSTILE}.png",
        "<script>window.ran=1<\\script>.png".replace("\\", "⁄"),
        "\"'><svg onload=alert(1)>.png",
        "‮gnp.exe.png",
    ]
    for name in hostile:
        put(files[0], incoming, name)
    put(files[1], incoming, f"{HOSTILE}_A01_f00_t0002_c0.png")
    (incoming / os.fsdecode(b"half\xff<b>.png")).write_bytes(b"x")
    (incoming / files[7].name).write_bytes(b"<script>window.ran=1</script>")
    running.wait_for("refused")
    seen.wait("document.querySelectorAll('#warnings .text').length >= 6")
    told = seen.text("warnings")
    for words in (HOSTILE, "<svg onload=alert(1)>", "\\u202egnp.exe.png", "half\\xff<b>.png", files[7].name):
        assert words in told
    assert page.locator("#warnings img, #warnings script, #warnings svg, #warnings b").count() == 0
    assert HOSTILE in page.locator("footer").inner_text()
    # The end, with archives.
    running.process.send_signal(signal.SIGTERM)
    seen.wait("document.querySelector('#state-name').textContent === 'Finished'")
    seen.assert_silent()
    seen.wait("document.querySelector('#no-answer').textContent.startsWith('The run has ended (finished)')")
    assert running.process.wait(60) == 3
    assert all(asked.startswith((base, f"blob:{base}")) for asked in seen.urls), seen.urls
    assert (tmp_path / "out.ome.zarr").is_dir()


def test_a_run_that_is_killed(raw, tmp_path, command, see):
    """What stands there is shown as old; a new token is said to be needed where there is one."""
    incoming = tmp_path / "in"
    incoming.mkdir()
    put(well_files(raw)[0], incoming)
    running = command(incoming, "-o", tmp_path / "out", *OPTIONS, "--status", "0", cwd=tmp_path)
    url = running.wait_for("serving")["url"]
    seen = see()
    seen.page.goto(url)
    seen.wait("document.querySelector('[data-well=A1] .number')?.textContent === '1'")
    seen.assert_silent()
    running.process.kill()
    seen.wait("document.querySelector('#no-answer').textContent.startsWith('No answer since')")
    assert "old" in seen.page.locator("body").get_attribute("class")
    assert seen.text("frames") == "1"
    port = url.split(":")[2].split("/")[0]
    again = command(incoming, "-o", tmp_path / "out", *OPTIONS, "--status", port, cwd=tmp_path)
    again.wait_for("serving")
    seen.wait("document.querySelector('#no-answer').textContent.includes('another token')")


def test_a_browser_with_another_name_or_no_token(serve, see):
    port = serve(status(place(0))).port
    seen = see()
    for address, code in ((f"http://127.0.0.1:{port}/", 401), (f"http://127.0.0.1:{port}/?token=wrong", 403)):
        assert seen.page.goto(address).status == code
    # Another name that leads here, as a page could arrange for its own.
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/?token={TOKEN}", headers={"Host": f"evil.example:{port}"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=20)


def shown(rows, columns, **changed):
    """A status of a plate of many wells."""
    if not rows:
        return status(place(0, "movie", None, None, None), **changed)
    letters = [f"{'A' * (row >= 26)}{chr(65 + row % 26)}" for row in range(rows)]
    names = [
        (f"{letters[row]}{column + 1}_f0", row + 1, column + 1) for row in range(rows) for column in range(columns)
    ]
    behind = [0, 8, 20, 90]
    places = [place(n, *name, 0, behind_s=behind[n % 4], latest=None, warnings=n % 3) for n, name in enumerate(names)]
    told = [(kind, {"position": "A1_f0", "message": HOSTILE * 9}) for kind in FAULTS]
    return status(*places, told=told, gain=GainsSoFar(1.5, 3, 0.1, 0.01, {}), **changed)


@pytest.mark.parametrize(
    ("size", "width", "scheme"),
    [
        ("movie", 360, "light"),
        ("strip", 1280, "dark"),
        ("96", 360, "dark"),
        ("96", 1280, "light"),
        ("1536", 360, "light"),
        ("1536", 1280, "dark"),
    ],
)
def test_every_size_of_plate_fits(serve, see, size, width, scheme):
    rows, columns = SIZES[size]
    port = serve(shown(rows, columns)).port
    seen = see(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = seen.page
    page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
    page.wait_for_selector(".well", timeout=MS)
    assert page.locator(".well").count() == max(1, rows * columns)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button')].filter((b) => !(b.ariaLabel || b.textContent.trim())).length"
    )
    assert nameless == 0
    assert page.locator("img:not([alt])").count() == 0
    # One stop for the tab key, the arrows go on from there.
    assert page.locator(".well[tabindex='0']").count() == 1
    if rows > 1:
        page.locator(".well[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.well") == "B2"
        page.keyboard.press("Enter")
        assert seen.text("position-title") == "Well B2"
        assert page.url.endswith("#B2_f0")
        classes = page.locator(".well").evaluate_all("(all) => all.slice(0, 4).map((w) => w.className)")
        assert [name.split()[1] for name in classes] == ["level-0", "level-1", "level-2", "level-3"]


STATES = {
    "starting": "Starting",
    "behind": "Behind",
    "degraded": "Degraded",
    "source-lost": "Source lost",
    "stalled": "Stalled",
    "finishing": "Finishing",
    "stopped": "Stopped",
}


def test_every_state_is_told(serve, see):
    held = serve(shown(1, 2, state="watching"))
    seen = see()
    seen.page.goto(f"http://127.0.0.1:{held.port}/?token={TOKEN}")
    for state, words in STATES.items():
        held.status = shown(1, 2, state=state, words=HOSTILE, progress=(3, 12) if state == "finishing" else None)
        # It would come by itself, later.
        seen.page.reload()
        seen.wait(f"document.querySelector('#state-name').textContent === {words!r}")
        assert HOSTILE in seen.text("state-words")
        assert seen.page.locator("#progress").is_visible() == (state == "finishing")
        if state == "finishing":
            assert "3 of 12 frames in archives" in seen.text("state-words")
    # An error over there is no end of the page.
    held.status = RuntimeError("x")
    seen.wait("!document.querySelector('#no-answer').hidden")
    held.status = shown(1, 2, state="watching")
    seen.wait("document.querySelector('#no-answer').hidden")
    assert [line for line in seen.said if "500" not in line and "404" not in line] == []


def test_fields_of_a_well(serve, see):
    port = serve(status(*(place(n, f"A1_f{n}", field=n, frames=n + 1) for n in range(3)))).port
    seen = see()
    seen.page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}#A1_f2")
    seen.page.goto(f"http://127.0.0.1:{port}/#A1_f2")
    seen.page.wait_for_selector(".well", timeout=MS)
    assert seen.text("position-title") == "Well A1, field 2"
    assert seen.page.locator(".well .number").inner_text() == "6"
    seen.page.get_by_role("button", name="Field 1").click()
    assert seen.text("position-title") == "Well A1, field 1"
    assert seen.text("p-frames") == "2"


def test_the_policy_stops_what_would_get_in_all_the_same(serve, see):
    port = serve().port
    seen = see()
    seen.page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
    seen.page.evaluate(
        """() => {
            window.refused = 0;
            const attempt = (action) => { try { action(); } catch { window.refused += 1; } };
            const script = document.createElement("script");
            attempt(() => { script.textContent = "window.ran = 1"; });
            attempt(() => { script.src = "http://127.0.0.1:1/x.js"; });
            attempt(() => { document.body.innerHTML += "<img src=x onerror='window.ran = 2'>"; });
            document.body.append(script);
            new Image().src = "http://127.0.0.1:1/x.png";
        }"""
    )
    seen.wait("window.stopped.includes('http://127.0.0.1:1/x.png')")
    assert seen.page.evaluate("window.refused") == 3
    assert seen.page.evaluate("window.ran") is None
