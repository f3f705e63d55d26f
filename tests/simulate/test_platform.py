"""The finance platforms: sizes of the paper, nothing bought twice, planted likings that are there, committed files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from crm_pipelines.simulate.platform import LADDER, PlatformParameters, build_platforms

PROJECT = Path(__file__).parents[2]
SMALL = PlatformParameters(customers=1500, purchases=4000, general_customers=50, general_purchases=200)


@pytest.fixture(scope="module")
def platform() -> dict[str, pd.DataFrame]:
    return build_platforms(PlatformParameters())


def test_the_parameter_file_is_what_is_committed():
    text = (PROJECT / "conf/base/parameters/simulate.yml").read_text()
    assert PlatformParameters(**yaml.safe_load(text)["platform"]) == PlatformParameters()


def test_the_committed_files_are_what_is_simulated(platform):
    for name, table in platform.items():
        committed = (PROJECT / f"data/01_raw/fprt/{name}.csv").read_text()
        assert committed == table.to_csv(index=False, lineterminator="\n"), name


def test_sizes_are_those_of_the_paper(platform):
    assert len(platform["customers"]) == 10_000
    assert len(platform["products"]) == 100
    assert len(platform["purchases"]) == 20_000
    assert platform["customers"].shape[1] == 1 + 6
    assert platform["products"].shape[1] == 1 + 5


def test_nobody_buys_a_product_twice_and_no_row_is_shared(platform):
    for prefix in ("", "general_"):
        assert not platform[f"{prefix}purchases"].duplicated(["customer_id", "product_id"]).any()
    assert not set(platform["customers"]["customer_id"]) & set(platform["general_customers"]["customer_id"])
    assert not set(platform["products"]["product_id"]) & set(platform["general_products"]["product_id"])


def bought(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return tables["purchases"].merge(tables["customers"]).merge(tables["products"])


def test_who_earns_more_bears_more_risk(platform):
    table = bought(platform)
    rich = table["income"] > table["income"].quantile(0.8)
    poor = table["income"] < table["income"].quantile(0.2)
    assert table.loc[rich, "risk"].mean() > table.loc[poor, "risk"].mean() + 0.1


def test_the_ladder_is_climbed_only_where_it_is_planted():
    def climbs(ladder: float) -> float:
        table = bought(build_platforms(SMALL.model_copy(update={"ladder": ladder})))
        table = table.sort_values(["customer_id", "time"], kind="stable")
        before = table.groupby("customer_id")["type"].shift()
        known = before.isin(list(LADDER))
        return float((before[known].map(LADDER) == table.loc[known, "type"]).mean())

    assert climbs(3.0) > climbs(0.0) + 0.1


def test_without_any_strength_every_product_is_liked_alike():
    nothing = dict.fromkeys(("risk", "term", "type", "returns", "ladder", "popularity"), 0.0)
    counts = build_platforms(SMALL.model_copy(update=nothing))["purchases"]["product_id"].value_counts()
    assert counts.max() < counts.mean() + 6 * np.sqrt(counts.mean())
