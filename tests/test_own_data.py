"""The tutorial, as it stands: its blocks and its commands on the tables of a shop that the project has never seen."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from foreign_shop import foreign_shop

MODELS = {
    "coldstart": ("coldstart.runs.models", "lightgbm"),
    "engagement": ("engagement.runs.models", "markov lightgbm"),
    "risk": ("risk.runs.models", "logistic_regression"),
}
"""Enough of each benchmark to have something to keep; that is all that differs from the commands of the page."""


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a Markdown page."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == language]


def commands(page: str) -> list[str]:
    """Every command of the page, in its order."""
    return [line for block in blocks(page, "") for line in block.splitlines() if line.startswith("kedro run ")]


@dataclass(frozen=True)
class Followed:
    """The tutorial, followed: where things lie and what each command printed."""

    root: Path
    said: dict[str, str]
    run: Callable

    def table(self, name: str) -> pd.DataFrame:
        """A table of the scoring."""
        return pd.read_parquet(self.root / f"data/08_reporting/mine/scoring/{name}.parquet")

    def again(self, *params: str) -> bytes:
        """Score once more, and give the bytes of the table."""
        ran = self.run("--pipelines=scoring", *params)
        assert ran.exit_code == 0, ran.everything[-3000:]
        return (self.root / "data/08_reporting/mine/scoring/customer_actions.parquet").read_bytes()


@pytest.fixture(scope="module")
def followed(project: Path, kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    root = tmp_path_factory.mktemp("own")
    page = (project / "docs/own-data.md").read_text(encoding="utf-8")
    foreign_shop().write(root / "raw/mein_laden")
    shutil.copytree(project / "conf", root / "conf", ignore=shutil.ignore_patterns("local"))
    local = root / "conf/local/parameters/sources.yml"
    local.parent.mkdir(parents=True)
    (block,) = blocks(page, "yaml")
    local.write_text(block, encoding="utf-8")

    def run(*arguments: str):
        places = f"raw_root={root / 'raw'},data_root={root / 'data'},processes=1"
        given = [argument for argument in arguments if not argument.startswith("--params=")]
        params = [argument.removeprefix("--params=") for argument in arguments if argument.startswith("--params=")]
        joined = ",".join([places, "source=mine", *(each for each in params if each != "source=mine")])
        return kedro_run(f"--conf-source={root / 'conf'}", "--env=test", *given, f"--params={joined}")

    said = {}
    for command in commands(page):
        pipeline = re.search(r"--pipelines=(\w+)", command)[1]
        limits = [f"--params={'='.join(MODELS[pipeline])}"] if pipeline in MODELS else []
        limits += ["--params=scoring.block=32"] if pipeline == "scoring" else []
        ran = run(*command.removeprefix("kedro run ").split(), *limits)
        assert ran.exit_code == 0, f"{command}\n{ran.everything[-4000:]}"
        said[pipeline] = ran.everything
    return Followed(root, said, run)


@pytest.mark.slow
class TestTutorial:
    def test_it_has_every_step(self, followed):
        assert list(followed.said) == ["check", "coldstart", "engagement", "risk", "scoring"]

    def test_the_check_finds_every_pipeline_ready(self, followed):
        said = followed.said["check"]
        assert re.search(r"coldstart +ready", said)
        assert re.search(r"engagement +ready", said)
        assert re.search(r"risk +ready", said)
        assert "2,400 rows" in said
        assert "10 without an outcome yet" in said
        needs = pd.read_csv(followed.root / "data/08_reporting/mine/check/requirements.csv")
        described = needs[needs["pipeline"] != "feedback"]  # the tutorial has no documents and no block of purchases
        assert set(described["met"]) <= {"yes", "weak"}
        assert re.search(r"feedback +not ready", said)

    def test_every_customer_has_one_row(self, followed):
        table = followed.table("customer_actions")
        assert table["customer_id"].is_unique
        assert len(table) == 123  # three of them have never done anything
        chances = table[["p_view", "p_save", "p_buy"]]
        assert chances.sum(axis=1).round(6).eq(1).all()
        assert table["churn_probability"].dropna().between(0, 1).all()
        assert table["risk"].notna().sum() == 120
        assert (table["risk_low"] <= table["risk_high"]).sum() == 120
        assert set(table["confidence"]) <= {"low", "medium", "high"}
        assert (table.loc[table["events"] == 0, "confidence"] == "low").all()
        assert table["hold_out"].sum() == 12
        assert (table.loc[table["hold_out"], ["action_1", "action_2", "action_3"]] == "").all().all()
        assert (table["reason_1"] != "").mean() > 0.9
        assert (table.loc[table["events"] > 0, "segment"] != "").all()
        assert table["sentiment_trend"].isna().all()
        assert (table["top_products"] == "").all()

    def test_who_said_no_is_not_contacted(self, followed):
        table = followed.table("customer_actions").set_index("customer_id")
        clients = pd.read_csv(followed.root / "raw/mein_laden/kunden.csv", sep=";").set_index("Kundennummer")
        said_no = clients.index[clients["Werbung"] == "nein"]
        assert (table.loc[said_no, "action_1"] == "").all()

    def test_scoring_again_in_shards_gives_the_same_bytes(self, followed):
        """In blocks of 32 customers: once in a row as the fixture did, once in eight shards."""
        before = (followed.root / "data/08_reporting/mine/scoring/customer_actions.parquet").read_bytes()
        assert followed.again("--params=scoring.block=32,scoring.shards=8") == before

    def test_just_after_fitting_nothing_has_drifted(self, followed):
        drift = pd.read_csv(followed.root / "data/08_reporting/mine/scoring/drift.csv")
        assert set(drift["system"]) == {"behaviour", "churn", "risk"}
        assert list(drift.loc[(drift["kind"] == "input") & (drift["severity"] == "major"), "name"]) == []

    def test_a_model_card_is_written_for_each_kept_model(self, followed):
        cards = {path.stem for path in (followed.root / "data/08_reporting/mine/cards").glob("*.md")}
        assert cards == {"behaviour", "risk", "churn", "items"}

    def test_later_files_are_scored_without_fitting_under_pseudonyms_and_their_drift_is_told(
        self, followed, monkeypatch
    ):
        log = followed.root / "raw/mein_laden/ereignisse.csv"
        before, models = log.read_bytes(), followed.root / "data/07_model_output/mine/coldstart"
        kept = {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file()}
        later = pd.read_csv(log, sep=";", encoding="utf-8-sig", dtype=str, keep_default_na=False)
        extra = later.head(400).assign(Zeitpunkt="15.09.2023 10:00", Aktion="gekauft", Betrag="1.234,50")
        extra["Kundennummer"] = [f"N{i % 40}" for i in range(400)]  # customers nobody has seen
        extra.loc[extra.index[:20], "Artikel"] = "A-new"
        monkeypatch.setenv("SHOP_KEY", "a secret of the shop")
        try:
            pd.concat([later, extra]).to_csv(log, sep=";", index=False, encoding="utf-8")
            ran = followed.run("--pipelines=scoring", "--params=scoring.drift.stop=true,scoring.id_key=SHOP_KEY")
        finally:
            log.write_bytes(before)
        assert ran.exit_code == 1
        assert "major drift" in ran.last_line
        ids = followed.table("customer_actions")["customer_id"]
        assert len(ids) == 163
        assert ids.str.fullmatch(r"[0-9a-f]{32}").all()
        for path in (followed.root / "data/08_reporting").rglob("*.*"):
            assert b"a secret of the shop" not in path.read_bytes()
        assert "a secret of the shop" not in ran.everything
        assert {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file()} == kept

    def test_without_its_key_nothing_is_scored(self, followed, monkeypatch):
        monkeypatch.delenv("SHOP_KEY", raising=False)
        ran = followed.run("--pipelines=scoring", "--params=scoring.id_key=SHOP_KEY")
        assert ran.exit_code == 1
        assert "SHOP_KEY is not set" in ran.last_line

    def test_no_id_is_logged(self, followed):
        for said in followed.said.values():
            assert not re.search(r"\bK1[0-9]{2}\b", said)


def test_the_block_of_the_page_is_valid(project):
    from crm_pipelines.config import SourceSpec, parse

    (block,) = blocks((project / "docs/own-data.md").read_text(encoding="utf-8"), "yaml")
    parse(SourceSpec, yaml.safe_load(block)["sources"]["mine"], "sources.mine")
