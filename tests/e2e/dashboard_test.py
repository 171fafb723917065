#!/usr/bin/python3
"""examples/lambda: the dashboard in headless Chromium, over the real programs.

dashboard_test.py --screenshot FILE.png makes the README's picture.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, free_ports, run_tests, wait_for  # noqa: E402

LAMBDA, TOOL = str(BIN / "lambda"), str(BIN / "pipeline-tool")
SESSION_MS = 2000
PICTURES = pathlib.Path(os.environ.get("QUORATE_PICTURES", BIN.parent / "test-logs"))


def find_chromium():
    """Selenium's module, or None with a word: CI has all of it (scripts/setup --tests)."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    try:
        from selenium import webdriver
    except ImportError:
        missing.append("python3-selenium")
    if not missing:
        return webdriver
    assert os.environ.get("CI") != "true", f"missing: {missing}"
    print(f"       skipped: no {', '.join(missing)}; scripts/setup --tests installs them")
    return None


class Application:
    """Broker and programs of one lambda application; all of them end with the test."""

    def __init__(self, folder, connect, demo=True):
        self.folder, self.connect, self.demo, self.running = pathlib.Path(folder), connect, demo, {}
        (self.folder / "shared").mkdir()
        self.bus = f"unix:{self.folder}/bus.socket"
        self.port = free_ports(1)[0]

    def start(self, name, *command):
        """What it will print from now on, as a question."""
        log = self.folder / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        with open(log, "ab") as out:
            self.running[name] = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return lambda: log.read_bytes()[before:]

    def start_broker(self):
        printed = self.start("broker", TOOL, "broker", "--data", self.folder / "bus", "--listen", self.bus)
        wait_for("the broker listens", lambda: b"listening" in printed())

    def start_worker(self, role, name, *more):
        printed = self.start(f"{role}-{name}", LAMBDA, role, "--connect", self.connect, "--bus", self.bus, "--folder", self.folder / "shared",
                             "--id", name, "--session-timeout-ms", SESSION_MS, *more)
        wait_for(f"{role}-{name} is ready", lambda: b"ready" in printed() or self.check(f"{role}-{name}"))

    def check(self, name):
        code = self.running[name].poll()
        assert code is None, f"{name} has ended with {code}: {self.log(name)[-2000:]}"

    def start_serve(self):
        self.start_worker("serve", "a", "--listen", f"127.0.0.1:{self.port}", *(["--demo"] if self.demo else []))

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, method="GET", headers=None):
        """Status and JSON."""
        request = urllib.request.Request(self.url + path, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def status(self):
        code, status = self.ask("/api/status")
        assert code == 200, status
        return status

    def close(self):
        for process in self.running.values():
            process.send_signal(signal.SIGKILL)
            process.wait()


class Page:
    """The dashboard in a headless browser."""

    def __init__(self, webdriver, url, width=1280, height=1000):
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         "--no-first-run", "--disable-background-networking", "--disable-extensions", "--force-device-scale-factor=1"):
            options.add_argument(argument)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.resize(width, height)
        self.driver.get(url)

    def resize(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def scheme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, name):
        return self.run("return document.getElementById(arguments[0]).textContent", name)

    def number(self, name):
        digits = self.text(name).replace(",", "").split(" ")[0]
        return int(digits) if digits.isdigit() else -1

    def holders(self, group):
        return self.run("return [...document.querySelectorAll(`[data-shard^='${arguments[0]}-']`)].map(cell => cell.dataset.holder)", group)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """Name, text and width of the outline of what has the focus."""
        return self.run("const at = document.activeElement; const look = getComputedStyle(at.matches('.segments input') ? at.nextElementSibling : at);"
                        "return [at.id || at.getAttribute('aria-label') || at.name || at.className || at.tagName,"
                        " look.outlineStyle === 'none' ? 0 : parseFloat(look.outlineWidth)]")

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        file = PICTURES / name
        self.driver.save_screenshot(str(file))
        return file

    def close(self):
        self.driver.quit()


class Demo:
    """All of it, running: an ensemble, the application, hits that flow, a page that shows them."""

    def __init__(self, webdriver, rate=400):
        self.webdriver, self.rate = webdriver, rate

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ensemble = Ensemble(["quorate"])
        self.ensemble.start()
        self.application = app = Application(self.folder.name, self.ensemble.connect)
        try:
            app.start_broker()
            app.start_worker("collect", "a", "--generate", "--lines", 10_000_000, "--rate", self.rate, "--event-rate", 1, "--seed", 7,
                             "--partitions", 8, "--duplicates", 0.02, "--bad-lines", 0.01)
            app.start_serve()
            for role, names in (("archive", "ab"), ("speed", "abc"), ("batch", "ab")):
                for name in names:
                    app.start_worker(role, name, *(["--every-s", 0] if role == "batch" else []))
            self.page = Page(self.webdriver, app.url + "/")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return app, self.page

    def __exit__(self, kind, error, trace):
        if error is not None:
            for name in self.application.running:
                print(f"--- {name}: {self.application.log(name)[-600:]}", file=sys.stderr)
        if hasattr(self, "page"):
            if error is not None:
                print(f"--- page: {self.page.picture('dashboard-failed.png')} {self.page.errors()}", file=sys.stderr)
            self.page.close()
        self.application.close()
        self.ensemble.close()
        self.folder.cleanup()


def numbers_move(page):
    wait_for("the page is live", lambda: page.text("connection") == "live")
    first = wait_for("hits are shown", lambda: max(page.number("hits"), 0))
    wait_for("hits go on", lambda: page.number("hits") > first)
    wait_for("bars are drawn", lambda: page.run("return document.querySelectorAll('#chart rect.speed').length") > 0)
    wait_for("pages are listed", lambda: page.run("return document.querySelectorAll('#pages b').length") > 2)
    wait_for("every shard is held", lambda: all(len(h) == 8 and all(h) for h in (page.holders("archive"), page.holders("speed"))))


def a_batch_run_by_keyboard(page):
    """Tab from the top: the skip link, then the button; every focus can be seen."""
    from selenium.webdriver.common.keys import Keys
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
    seen = []
    for _ in range(12):
        page.press(Keys.TAB)
        name, outline = page.focused()
        assert outline >= 2, f"no focus to be seen on {name} after {seen}"
        seen.append(name)
        if name == "run":
            page.press(Keys.ENTER)
        if name == "step":
            page.press(Keys.ARROW_RIGHT)
        if name == "prefix":
            break
    assert seen[0] == "skip" and "run" in seen and seen[-1] == "prefix", seen
    wait_for("the step was chosen by an arrow", lambda: page.text("chart-step") == "hour")
    wait_for("generation 1 is served", lambda: page.text("generation").startswith("generation "))
    wait_for("batch has its part", lambda: page.number("hits-batch") > 0)
    wait_for("batch bars are drawn", lambda: page.run("return document.querySelectorAll('#chart rect.batch').length") > 0)
    wait_for("the drift gauge reads 0", lambda: page.text("drift") == "0")


def the_prefix_filters(page):
    from selenium.webdriver.common.keys import Keys
    field = page.driver.find_element("id", "prefix")
    top = page.run("return document.querySelector('#pages .name').textContent")
    directory = "/" + top.split("/")[1] + "/" if top.count("/") > 1 else "/blog/"
    field.clear()
    field.send_keys(directory, Keys.ENTER)
    wait_for(f"only pages below {directory}", lambda: page.run(
        "const all = [...document.querySelectorAll('#pages .name')].map(at => at.textContent);"
        "return all.length > 0 && all.every(name => name.startsWith(arguments[0]))", directory))
    field.clear()
    field.send_keys("/", Keys.ENTER)


def a_killed_workers_shards_move(app, page):
    victim = next(holder for holder in page.holders("speed") if holder)
    shards = [p for p, holder in enumerate(page.holders("speed")) if holder == victim]
    button = page.driver.find_element("css selector", f"tr[data-worker='speed-{victim}'] button[data-action=kill]")
    page.run("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    wait_for("the toast says so", lambda: f"speed-{victim} killed" in page.text("toast"))
    begin = time.monotonic()
    wait_for(f"shards {shards} of speed-{victim} are others'", lambda: all(h and h != victim for h in page.holders("speed")))
    moved = time.monotonic() - begin
    assert app.running.pop(f"speed-{victim}").wait(10) == -signal.SIGKILL
    before = page.number("hits")
    wait_for("hits go on", lambda: page.number("hits") > before)
    wait_for("it is told", lambda: f"speed-{victim} is gone" in page.text("feed"))
    return shards, moved


def a_paused_worker_is_shown(app, page):
    victim = next(holder for holder in page.holders("archive") if holder)
    button = page.driver.find_element("css selector", f"tr[data-worker='archive-{victim}'] button[data-action=pause]")
    button.click()
    wait_for("it is paused", lambda: "T" in pathlib.Path(f"/proc/{app.running[f'archive-{victim}'].pid}/stat").read_text().split(")")[1][:3])
    wait_for("its shards are others'", lambda: all(h and h != victim for h in page.holders("archive")))
    code, answer = app.ask(f"/api/workers/archive-{victim}/pause", "POST")
    assert code in (404, 409), answer
    wait_for("it has its share again", lambda: victim in page.holders("archive"))


def narrow_and_dark(page):
    for width, scheme in ((360, "light"), (360, "dark"), (1280, "dark")):
        page.resize(width, 900)
        page.scheme(scheme)
        wide = page.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} px wide at {width}"
        outside = page.run("return [...document.querySelectorAll('.card, .tile, header button, .pill')].filter(at => at.offsetParent"
                           " && at.getBoundingClientRect().right > innerWidth + 1).map(at => at.className + at.id)")
        assert not outside, outside
        # The buttons of a worker can be reached without scrolling sideways.
        far = page.run("return [...document.querySelectorAll('#workers button')].filter(at => at.getBoundingClientRect().right > innerWidth).length")
        assert not far, f"{far} buttons are outside at {width} px"
        print(f"       {page.picture(f'dashboard-{width}-{scheme}.png')}")
    page.resize(1280, 1000)
    page.scheme("light")


def contrast_is_enough(page):
    """Text against its card, in both schemes: 4.5:1 (WCAG AA)."""
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        low = page.run("""
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                               return .2126 * r + .7152 * g + .0722 * b; };
          const ground = at => { for (; at; at = at.parentElement) { const c = getComputedStyle(at).backgroundColor; if (!c.endsWith(', 0)') && c !== 'transparent') return c; } return 'rgb(255, 255, 255)'; };
          return [...document.querySelectorAll('h1, h2, p, b, li, td, th, small, button:not(:disabled), label, span')].filter(at => at.offsetParent && at.textContent.trim() && !at.closest('.toast')).map(at => {
            const a = light(getComputedStyle(at).color), b = light(ground(at));
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), at.tagName + '.' + at.className + '#' + at.id + ' ' + at.textContent.slice(0, 20)];
          }).filter(([ratio]) => ratio < 4.5)""")
        assert not low, (scheme, low[:5])
    page.scheme("light")


def a_lost_socket_comes_back(app, page):
    """Several times: the page asks nothing of a server that has not loaded its views yet (503)."""
    for _ in range(5):
        app.kill("serve-a")
        wait_for("the page says that it lost its connection", lambda: page.text("connection").startswith("conn"))
        app.start_serve()
        wait_for("it is live again", lambda: page.text("connection") == "live")
        before = page.number("hits")
        wait_for("hits go on", lambda: page.number("hits") > before)
        bars = page.run("return document.querySelector('#chart').innerHTML")
        wait_for("the chart goes on", lambda: page.run("return document.querySelector('#chart').innerHTML") != bars)


def bad_questions_are_answered_in_words(app):
    for path, method, code, word in (
            ("/api/answer?prefix=blog", "GET", 400, "prefix=blog"), ("/api/answer?top=x", "GET", 400, "top=x"),
            ("/api/answer?layer=all", "GET", 400, "batch, speed or both"), ("/api/series?step=week", "GET", 400, "minute, hour or day"),
            ("/api/answer?form=1", "GET", 400, "form"), ("/api/nothing", "GET", 404, "/api/answer"), ("/nothing", "POST", 404, "/api/batch/run"),
            ("/api/workers/speed-nobody/kill", "POST", 404, "speed-nobody"), ("/api/workers/serve-a/kill", "POST", 409, "answers you")):
        got, answer = app.ask(path, method)
        assert got == code and word in answer["error"], (path, got, answer)
    got, answer = app.ask("/api/workers/speed-a/kill", "POST", {"Origin": "http://evil.example"})
    assert got == 403, answer


def the_dashboard():
    webdriver = find_chromium()
    if not webdriver:
        return
    with Demo(webdriver) as (app, page):
        numbers_move(page)
        a_batch_run_by_keyboard(page)
        the_prefix_filters(page)
        bad_questions_are_answered_in_words(app)
        shards, moved = a_killed_workers_shards_move(app, page)
        a_paused_worker_is_shown(app, page)
        contrast_is_enough(page)
        narrow_and_dark(page)
        errors = page.errors()
        assert not errors, errors
        a_lost_socket_comes_back(app, page)
        # Who asks while the server is killed, or finds nobody, is told in the console by the browser itself.
        killed = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket")
        errors = [error for error in page.errors() if not any(word in error for word in killed)]
        assert not errors, errors
        print(f"       shards {shards} of a killed worker were others' after {moved:.1f} s (session timeout {SESSION_MS / 1000:g} s), "
              f"{page.number('hits')} hits shown; {page.picture('dashboard.png')}")


def without_demo_nobody_is_killed():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        app = Application(folder, ensemble.connect, demo=False)
        try:
            app.start_broker()
            app.start_serve()
            app.start_worker("speed", "a")
            wait_for("the worker is seen", lambda: any(w["name"] == "speed-a" for w in app.status()["workers"]))
            code, answer = app.ask("/api/workers/speed-a/kill", "POST")
            assert code == 403 and "--demo" in answer["error"], answer
            app.check("speed-a")
        finally:
            app.close()


def screenshot(file):
    """The README's picture, from the programs themselves."""
    webdriver = find_chromium()
    assert webdriver, "no Chromium"
    with Demo(webdriver) as (app, page):
        numbers_move(page)
        for run in (1, 2):
            app.ask("/api/batch/run", "POST")
            wait_for(f"generation {run}", lambda: (app.status()["generation"] or {"run": 0})["run"] >= run)
            wait_for("a picture with something in it", lambda: page.number("hits-speed") > 1000 * run)
        page.resize(1240, 1180)
        page.run("scrollTo(0, 0)")
        wait_for("bars of both layers", lambda: page.run("return ['batch', 'speed'].every(name => document.querySelectorAll(`#chart rect.${name}`).length > 10)"))
        page.driver.save_screenshot(file)
    print(f"{file}: {os.path.getsize(file)} bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--screenshot"]:
        screenshot(sys.argv[2])
    else:
        run_tests([the_dashboard, without_demo_nobody_is_killed])
