"""The report in a real browser: every page opens, every table can be saved, nothing is asked of the network."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from browser import Tab, browser, browser_path
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results

from .conftest import add_studies, write_source
from .explained import write_explanations

pytestmark = pytest.mark.skipif(browser_path() is None, reason="no Chromium or Chrome here; CRM_BROWSER may name one")
FORMULA = "=HYPERLINK(1)"
PAGES = [*(f"paper-{letter}" for letter in "abcde"), "customers", "worth", "data", "leaks", "method", "glossary"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one source, one of whose classes of behaviour is called like a formula."""
    root = tmp_path_factory.mktemp("results")
    write_source(root, "taobao", "Taobao head users", classes=(FORMULA, "buy"))
    write_explanations(root / "taobao" / "coldstart")
    add_studies(root, "taobao")
    (root / "taobao/check").mkdir()
    findings = {"severity": ["note"], "where": ["log.csv"], "what": [FORMULA], "advice": ['-1+2, and a "comma"']}
    pd.DataFrame(findings).to_csv(root / "taobao/check/findings.csv", index=False)
    path = root / "index.html"
    path.write_text(render_report(Results.read(root)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tab(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The report, opened on a desktop."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.view(1280, 900)
        opened.open(page.as_uri())
        yield opened


def shown(tab: Tab) -> list[str]:
    found: list[str] = tab.run("[...document.querySelectorAll('.sheet')].filter(s => s.offsetParent).map(s => s.id)")
    return found


def go(tab: Tab, place: str) -> None:
    changed = "new Promise(done => addEventListener('hashchange', () => done(), {once: true}))"
    tab.run(f"(() => {{ const changed = {changed}; location.hash = '{place}'; return changed; }})()")


def test_every_page_opens_alone_and_nothing_is_complained_of_or_asked_for(tab: Tab, page: Path) -> None:
    assert shown(tab) == ["overview"]
    links = tab.run("[...document.querySelectorAll('header nav a')].map(a => a.hash.slice(1))")
    assert links == ["overview", *PAGES]
    for name in PAGES:
        go(tab, name)
        assert shown(tab) == [name]
        assert tab.run("document.querySelector('header [aria-current]').hash") == f"#{name}"
    go(tab, "source-1-1-table-3")  # a place inside a page
    assert shown(tab) == ["paper-a"]
    assert 0 <= tab.run("document.getElementById('source-1-1-table-3').getBoundingClientRect().top") < 300
    assert tab.complaints() == []
    assert set(tab.requests()) == {page.as_uri()}


def test_every_table_saves_as_csv_that_parses_and_holds_no_formula(tab: Tab, tmp_path: Path) -> None:
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    tables = tab.run("document.querySelectorAll('figure table').length")
    assert tab.run("document.querySelectorAll('figure button.csv').length") == tables > 15
    tab.run("document.querySelector('figure button.csv').click()")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("*.csv")):
        assert time.monotonic() < deadline, "the first table was not saved"
        time.sleep(0.01)
    saved = next(tmp_path.glob("*.csv")).read_bytes().decode("utf-8-sig")

    handed_over = tab.run("""(async () => {  // a browser lets no page save more than ten files by itself
      const blobs = [];
      URL.createObjectURL = (blob) => { blobs.push(blob); return 'about:blank'; };
      HTMLAnchorElement.prototype.click = () => {};
      document.querySelectorAll('figure button.csv').forEach(button => button.click());
      return Promise.all(blobs.map(blob => blob.text()));
    })()""")
    texts = [text.removeprefix("\ufeff") for text in handed_over]
    assert len(texts) == tables
    assert texts[0] == saved
    cells = []
    for position, text in enumerate(texts):
        rows = list(csv.reader(text.splitlines()))
        assert len(rows) > 1, position
        assert len({len(row) for row in rows}) == 1, position
        cells += [cell for row in rows for cell in row]
    assert f"'{FORMULA}" in cells
    assert '\'-1+2, and a "comma"' in cells
    assert not [cell for cell in cells if cell[:1] in "=+@" and cell]
    assert "-0.040" in cells  # a number keeps its sign


def test_a_saved_table_holds_the_numbers_of_the_page_each_in_a_column(tab: Tab) -> None:
    go(tab, "paper-a")
    text = tab.run("""(async () => {
      const real = URL.createObjectURL; let found;
      URL.createObjectURL = (blob) => { found = blob; return 'about:blank'; };
      const click = HTMLAnchorElement.prototype.click; HTMLAnchorElement.prototype.click = () => {};
      document.querySelector('#paper-a .intervals button.csv').click();
      URL.createObjectURL = real; HTMLAnchorElement.prototype.click = click;
      return found.text();
    })()""")
    rows = list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
    assert list(rows[0]) == ["Peer", "Difference", "Difference: interval", "TFP-Net"]
    (lightgbm,) = [row for row in rows if row["Peer"] == "LightGBM"]
    assert lightgbm["Difference"] == "-0.040"
    assert lightgbm["TFP-Net"] == "is beaten by it"


def test_colours_follow_the_device_until_they_are_chosen(tab: Tab, page: Path) -> None:
    def background() -> str:
        return str(tab.run("getComputedStyle(document.body).backgroundColor"))

    colours = []
    for dark in (False, True):
        tab.view(1280, 900, dark=dark)
        colours.append(background())
    light, night = colours
    assert light != night
    for expected in (light, night, night):  # light, dark, then as the device: dark
        tab.run("document.querySelector('button.theme').click()")
        assert background() == expected
    tab.view(1280, 900)
    assert tab.complaints() == []


def test_a_phone_scrolls_in_one_direction_only(tab: Tab) -> None:
    tab.view(390, 844)
    for name in ("overview", *PAGES):
        if name != tab.run("location.hash.slice(1)"):
            go(tab, name)
        assert tab.run("document.documentElement.scrollWidth") <= 390, name
    tab.view(1280, 900)


def test_print_holds_every_page(tab: Tab) -> None:
    tab.view(1280, 900, print_out=True)
    assert shown(tab) == ["overview", *PAGES]
    assert tab.run("getComputedStyle(document.querySelector('header')).display") == "none"
    tab.view(1280, 900)


def test_drawings_answer_to_the_pointer_and_legends_put_lines_out(tab: Tab) -> None:
    go(tab, "paper-a")
    told = tab.run("""(() => {
      const drawing = document.querySelector('#paper-a .intervals svg[data-tip]');
      const at = drawing.getBoundingClientRect();
      drawing.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: at.x + 5, clientY: at.y + 5}));
      return document.querySelector('.tip').textContent;
    })()""")
    assert "[" in told
    hidden = """document.querySelectorAll('#paper-a polyline.off').length"""
    assert tab.run(hidden) == 0
    tab.run("document.querySelector('#paper-a [data-toggle]').click()")
    assert tab.run(hidden) > 0
    tab.run("document.querySelector('#paper-a [data-toggle]').click()")
    assert tab.run(hidden) == 0


def test_a_click_on_a_head_sorts_by_size(tab: Tab) -> None:
    values = json.loads(
        tab.run("""(() => {
      const table = document.querySelector('#paper-a .scores table');
      const head = [...table.tHead.rows[0].cells].at(-1).cellIndex;
      const read = () => [...table.tBodies[0].rows].map(row => parseFloat(row.cells[head - 1].textContent));
      table.tHead.rows[0].cells[head - 1].click(); const down = read();
      table.tHead.rows[0].cells[head - 1].click(); return JSON.stringify([down, read()]);
    })()""")
    )
    down, up = values
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
