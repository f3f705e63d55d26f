"""The page: complete, self-contained, safe with hostile data, and the same bytes for the same results."""

import json
import re
import shutil
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results

from .conftest import add_studies, write_source

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


def plain(part: str) -> str:
    """The words of a part of a page that need not be well-formed by itself."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", part))).strip()


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
    assert not {"link", "img", "iframe", "image", "use", "object"} & set(page.tags)
    assert not page.values("src")
    assert not re.search(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.S)
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in html
    assert len(html.encode()) < 1_000_000


def test_same_results_same_bytes(root: Path, html: str) -> None:
    assert render_report(Results.read(root)) == html


@pytest.mark.parametrize(
    "heading",
    [
        "Results of crm_pipelines", "Fairness, calibration and cost", "Leak tests",
        "Split in time", "Cleaning", "Reading the files", "Table 1: performance", "Table 2: efficiency",
        "Table 3: cold start", "Table 4: sensitivity", "Table 5: ablation", "Group fairness", "Calibration",
        "How this was measured", "Glossary",
    ],
)  # fmt: skip
def test_every_part_is_there(html: str, heading: str) -> None:
    assert re.search(rf"<h[1-4][^>]*>{heading}</h[1-4]>", html)


def test_verdict_is_on_the_page_as_computed(html: str) -> None:
    assert "TFP-Net beats Majority class and is beaten by LightGBM in macro-F1." in words(html)


def test_few_events_are_named_and_never_given_a_number(html: str) -> None:
    assert "n too small (n = 12)" in html


def test_the_best_of_a_column_is_marked_once(html: str) -> None:
    every_model = section(html, 1).split("<table>")[2]
    rows = re.findall(r"<tr.*?</tr>", every_model, flags=re.S)
    best = [row for row in rows if '"best"' in row]
    assert len(best) == 1
    assert "LightGBM" in best[0]


def section(html: str, number: int) -> str:
    """The markup of one of the paper's tables, from its heading to the next one."""
    (found,) = re.findall(rf'<h4 id="[^"]+-table-{number}">.*?(?=<h[234]|</section>)', html, flags=re.S)
    return str(found)


def row(html: str, name: str) -> list[str]:
    """The words of each cell of the first row of that name."""
    (found, *_) = [r for r in re.findall(r"<tr.*?</tr>", html, flags=re.S) if re.search(rf'row">{name}</th>', r)]
    return [plain(cell) for cell in re.findall(r"<td.*?</td>", found, flags=re.S)]


def test_published_ours_strongest_peer_and_difference_stand_side_by_side(html: str) -> None:
    published, ours, peer, difference = row(section(html, 1), "Macro-F1")
    assert published == "0.830 ± 0.004"
    assert ours == "0.555 ± 0.007"
    assert peer == "0.605 LightGBM"
    assert difference == "worse: −0.040 [−0.060, −0.020]".replace("worse:", "▼ worse:")
    assert row(section(html, 1), "F1")[-1] == "−0.050 no interval"


def test_published_figures_of_models_that_were_not_run_are_shown_too(html: str) -> None:
    assert "not run paper 0.865 ± 0.004" in plain(section(html, 1).split("DGN-JBP")[1])
    assert "paper 107" in plain(section(html, 2).split("GACE")[1])


def test_cold_start_names_the_number_of_events_and_the_peer(html: str) -> None:
    n, published, ours, peer, difference = row(section(html, 3).split("<figcaption>New items")[1], "k = 0, Macro-F1")
    assert (n, published, ours, peer) == ("150", "–", "0.555 ± 0.007", "0.605 LightGBM")
    assert "[−0.060, −0.020]" in difference
    assert row(section(html, 3).split("<figcaption>New items")[1], "k = 1, Accuracy")[1] == "0.623"


def test_operations_left_out_of_the_flops_are_listed_and_not_taken_for_the_machine(html: str) -> None:
    text = plain(section(html, 2))
    assert "FLOPs are too low: TFP-Net: aten::exp" in text
    assert "Measured on: device cpu · threads 2 · torch 2.13.0" in text
    assert "kedro environment" not in text


def test_operations_left_out_of_every_model_are_said_once(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "environment.json"
    path.write_text(
        json.dumps({"uncounted_operations": {"tfpnet": ["add", "exp"], "gru": ["add"], "gnn": ["add", "cos"]}})
    )
    text = plain(section(render_report(Results.read(results.root)), 2))
    assert "too low: every model: add; TFP-Net also: exp; GNN also: cos" in text


def test_studies_that_were_not_run_leave_the_published_values_and_say_how_to_run_them(html: str) -> None:
    for number, study, value in ((4, "sensitivity", "0.878 ± 0.003"), (5, "ablation", "0.849")):
        text = plain(section(html, number))
        assert f"The {study} study has not been run" in text
        assert f"kedro run --pipelines=coldstart --params=source=taobao,coldstart.runs.studies={study}" in text
        assert value in text
        assert "<svg" not in section(html, number)


def test_studies_are_shown_with_differences_intervals_and_a_drawing_per_parameter(results: Results) -> None:
    add_studies(results.root, "taobao")
    page = render_report(Results.read(results.root))
    assert "has not been run" not in words(page)
    published, accuracy, macro_f1, difference, new_items, *_ = row(section(page, 5), "without TGAT")
    assert (published, accuracy, macro_f1) == ("0.849 −0.029", "0.720", "0.520")
    assert difference == "▼ worse: −0.030 [−0.045, −0.015]"
    assert new_items == "0.520"
    assert row(section(page, 4), "Decay base λ = 1")[-1] == "+0.000 same predictions"
    drawn = re.findall(r"<svg viewBox[^>]*aria-label=\"([^\"]*)\"", section(page, 4))
    assert [text.split(":")[0] for text in drawn] == ["Macro-F1 by TFP-Net, Decay base λ"]
    assert Page(page).open == []


def test_a_slice_of_one_class_shows_words_instead_of_a_difference(results: Results) -> None:
    folder = results.root / "taobao" / "coldstart"
    for name, columns in (("metrics", ["value"]), ("comparisons", ["difference", "low", "high"])):
        table = pd.read_csv(folder / f"{name}.csv")
        table.loc[(table["slice"] == "cold_item@0") & (table["metric"] == "macro_f1"), columns] = None
        table.to_csv(folder / f"{name}.csv", index=False)
    cold = section(render_report(Results.read(results.root)), 3)
    assert row(cold.split("<figcaption>New items")[1], "k = 0, Macro-F1") == ["150", "–", "one class only", "–", "–"]
    peers = cold.split("<figcaption>TFP-Net less peer, Macro-F1")[1]
    assert "one class only" in plain(peers.split("</table>")[0])


def test_a_run_with_the_environment_of_tests_is_marked(results: Results, html: str) -> None:
    assert "--env=test" not in words(html)
    path = results.root / "taobao" / "coldstart" / "environment.json"
    path.write_text(json.dumps({"device": "cpu", "kedro_environment": "test"}))
    marked = render_report(Results.read(results.root))
    assert marked.count("Run with --env=test") == 2  # in the overview and on the paper's page


def test_a_source_without_models_says_so(results: Results) -> None:
    shutil.rmtree(results.root / "taobao" / "coldstart")
    page = render_report(Results.read(results.root))
    assert "No model has been run on this source yet. kedro run --params=source=taobao" in words(page)
    assert Page(page).open == []


def test_a_source_left_out_is_named_with_its_file(results: Results) -> None:
    (results.root / "taobao" / "coldstart" / "metrics.csv").write_text("model\ntfpnet\n")
    text = words(render_report(Results.read(results.root)))
    assert re.search(r"Source taobao is left out: \S*metrics\.csv: column 'paper' is missing", text)


def test_what_was_counted_while_reading_is_shown(html: str) -> None:
    assert "customers only in log 7" in words(html)


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
    text = words(render_report(Results.read(tmp_path / "other")))
    assert "Published" not in text
    assert "Table 1: performance" in text
    assert "The ablation study has not been run" in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    write_source(tmp_path, "hostile", HOSTILE, classes=(HOSTILE, "<img src=x>"), models=("tfpnet", "<b>gru</b>"))
    (tmp_path / "hostile" / "coldstart" / "environment.json").write_text('{"device": "</p><script>1</script>"}')
    html = render_report(Results.read(tmp_path))
    page = Page(html)
    assert page.tags.count("script") == 1  # ours
    assert not [name for name in ("gru", "x") if f"<b>{name}" in html]
    assert "img" not in page.tags
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
    assert "Measured on" not in words(html)
    assert Page(html).open == []


def test_a_log_of_which_only_plans_were_made_still_states_its_size(tmp_path: Path) -> None:
    write_source(tmp_path, "shop", "Shop")
    below = tmp_path / "shop" / "preprocessing"
    (below / "overview.json").unlink()
    (below / "splits.json").unlink(missing_ok=True)
    pd.DataFrame([["rows_in", "all", 1300], ["dropped", "duplicate", 66], ["rows_out", "valid", 1234]]).to_csv(
        below / "cleaning_report.csv", header=["step", "reason", "rows"], index=False
    )
    notes = {"customers_rows": 77, "customers_only_in_log": 2, "items_rows": 40, "items_only_in_log": 3}
    (below / "ingestion_notes.json").write_text(json.dumps(notes))

    page = Page(render_report(Results.read(tmp_path)))

    assert {"1,234", "79", "43"} <= set(page.text)
