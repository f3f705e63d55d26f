"""The page: complete, self-contained, safe with hostile data, and the same bytes for the same results."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results

from .conftest import write_source

VOID = {"meta", "br", "line", "rect", "circle", "polyline"}
HOSTILE = "<script>alert('x')</script>\"'&"


class Page(HTMLParser):
    """Collects tags, attributes and ids; fails at a tag closed out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results that no test changes."""
    folder = tmp_path_factory.mktemp("results")
    write_source(folder, "taobao", "Taobao head users")
    return folder


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return render_report(Results.read(root))


def words(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Page(html).text))


def test_page_is_well_formed_and_every_link_of_the_contents_leads_somewhere(html: str) -> None:
    page = Page(html)
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = page.values("href")
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_page_asks_the_network_for_nothing(html: str) -> None:
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "image", "use"} & set(page.tags)
    assert not page.values("src")
    assert not re.search(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html
    assert len(html.encode()) < 1_000_000


def test_same_results_same_bytes(root: Path, html: str) -> None:
    assert render_report(Results.read(root)) == html


@pytest.mark.parametrize(
    "heading",
    [
        "Overview", "Split in time", "Cleaning", "Performance", "Cold start", "Paired differences", "Group fairness",
        "Calibration", "Efficiency", "Published and ours", "How this was measured", "Glossary",
    ],
)  # fmt: skip
def test_every_part_is_there(html: str, heading: str) -> None:
    assert re.search(rf"<h[234][^>]*>{heading}</h[234]>", html)


def test_verdict_is_on_the_page_as_computed(html: str) -> None:
    assert "TFP-Net beats Majority class and is beaten by LightGBM in macro-F1." in words(html)


def test_few_events_are_named_and_never_given_a_number(html: str) -> None:
    assert "n too small (n = 12)" in html


def test_the_best_of_a_column_is_marked_once(html: str) -> None:
    performance = html.split('-performance">Performance</h4>')[1].split("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", performance, flags=re.S)
    best = [row for row in rows if "best" in row]
    assert len(best) == 1
    assert "LightGBM" in best[0]


def test_accuracy_stands_beside_the_majoritys_and_says_when_it_is_below(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "metrics.csv"
    path.write_text(path.read_text().replace("majority_accuracy,0.75", "majority_accuracy,0.9"))
    rows = [line for line in path.read_text().splitlines() if ",42," in line or line.startswith("paper")]
    path.write_text("\n".join(rows))
    assert "below majority" in render_report(Results.read(results.root))


def test_drawings_have_words_for_those_who_cannot_see_them(html: str) -> None:
    pictures = re.findall(r"<svg[^>]*>", html)
    assert pictures
    assert all('aria-hidden="true"' in svg or re.search(r'role="img" aria-label="[^"]+"', svg) for svg in pictures)


def test_published_figures_are_marked_as_such_only_where_the_paper_used_that_data(tmp_path: Path, html: str) -> None:
    assert "not comparable one to one" in words(html)
    write_source(tmp_path / "other", "my_shop", "My shop")
    assert "Published" not in words(render_report(Results.read(tmp_path / "other")))


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    write_source(tmp_path, "hostile", HOSTILE, classes=(HOSTILE, "<img src=x>"), models=("tfpnet", "<b>gru</b>"))
    (tmp_path / "hostile" / "coldstart" / "environment.json").write_text('{"device": "</p><script>1</script>"}')
    html = render_report(Results.read(tmp_path))
    page = Page(html)
    assert not {"script", "img", "b"} & set(page.tags)
    assert page.open == []
    assert not [value for name, value in page.attributes if name.startswith("on")]
    assert "<script>" in words(html)


def test_without_results_the_page_says_how_to_get_some(tmp_path: Path) -> None:
    assert "Nothing has been run yet" in words(render_report(Results.read(tmp_path)))


def test_a_source_with_metrics_alone_is_shown_without_claims(results: Results) -> None:
    for path in (results.root / "taobao").rglob("*.*"):
        if path.name != "metrics.csv":
            path.unlink()
    html = render_report(Results.read(results.root))
    assert "No paired comparison has been run" in words(html)
    assert "Efficiency" not in words(html)
    assert Page(html).open == []
