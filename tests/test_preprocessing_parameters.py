"""The shipped parameter file states the defaults, all of them."""

from pathlib import Path

import pytest
import yaml

from crm_pipelines.config import EncodingParameters, Parameters, SplitParameters

FILE = Path(__file__).parents[1] / "conf" / "base" / "parameters" / "preprocessing.yml"


@pytest.mark.parametrize(("key", "model"), [("split", SplitParameters), ("encoding", EncodingParameters)])
def test_file_spells_out_every_default(key: str, model: type[Parameters]) -> None:
    given = yaml.safe_load(FILE.read_text(encoding="utf-8"))[key]
    differs = {"folds": 2} if key == "split" else {}  # the benchmark's; one fold is enough for everything else
    assert given == model().model_dump() | differs
