"""A user's mistake ends in one line that says what to do; a mistake of the program keeps its traceback."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import configure_project
from kedro.pipeline import Pipeline, node
from pydantic import Field

from crm_pipelines.cli import cli, run
from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError

CONFIGURATION = {
    "base/globals.yml": "data_root: data\nengine: duckdb\nsource: demo\n",
    "base/parameters/sources.yml": """
        source: ${runtime_params:source,demo}
        sources: {demo: {title: Demo}, taobao: {title: Taobao}}
        """,
    "base/parameters/split.yml": "split: {history_share: 0.8, inner: {folds: 1}}\n",
    "base/catalog/catalog.yml": """
        _data: "${runtime_params:data_root,${globals:data_root}}"
        missing: {type: crm_pipelines.datasets.CSVTable, filepath: "${_data}/missing.csv"}
        numbers:
          type: crm_pipelines.datasets.CSVTable
          filepath: ${_data}/numbers.csv
          validator: {class: test_cli_schema.Numbers, "on": [save]}
        """,
    "local/empty.yml": "",
    "test/empty.yml": "",
}

SCHEMA = """
import pandera.pandas as pa

class Numbers(pa.DataFrameModel):
    amount: int = pa.Field(ge=0)
"""


class Inner(Parameters):
    folds: int


class Split(Parameters):
    history_share: float = Field(gt=0, lt=1)
    inner: Inner


def take_title(source_spec: dict[str, str]) -> str:
    return source_spec["title"]


def take_split(split: Split) -> str:
    return f"{split.history_share}"


def refuse() -> str:
    raise UserError("interactions.csv: column 'item_id' is missing;\nadd it or name it under 'columns:'")


def crash() -> str:
    return {}["key of a bug"]


def interrupt() -> str:
    raise KeyboardInterrupt


def negative_amounts():
    import pandas as pd

    return pd.DataFrame({"amount": [1, -2, -3]})


def some_pipelines() -> dict[str, Pipeline]:
    def single(function, inputs, outputs=None) -> Pipeline:
        name = function.__name__
        return Pipeline([node(function, inputs, outputs or f"result of {name}", name=name)])

    return {
        "title": single(take_title, "params:source_spec"),
        "split": single(take_split, "params:split"),
        "refuse": single(refuse, None),
        "crash": single(crash, None),
        "interrupt": single(interrupt, None),
        "load": single(len, "missing"),
        "validate": single(negative_amounts, None, "numbers"),
        "other": Pipeline([node(take_split, "params:split", "other result", name="take_title")]),
    }


@pytest.fixture
def conf(tmp_path, monkeypatch) -> Path:
    """A small configuration, and small pipelines in place of the real ones."""
    for name, content in CONFIGURATION.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in content.splitlines()))
    (tmp_path / "test_cli_schema.py").write_text(SCHEMA)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crm_pipelines.pipeline_registry.register_pipelines", some_pipelines)
    configure_project("crm_pipelines")
    yield tmp_path / "conf"
    monkeypatch.undo()
    configure_project("crm_pipelines")  # forget the small pipelines


@pytest.fixture
def kedro(conf):
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(run, [f"--conf-source={conf}", *arguments])

    return call


MISTAKES = {
    "in a node, in one line": (
        ["--pipelines=refuse"],
        "interactions.csv: column 'item_id' is missing; add it or name it under 'columns:'",
    ),
    "misspelt key of a parameter block": (
        ["--pipelines=split", "--params=split.histroy_share=0.5"],
        "parameter 'split.histroy_share' is not known; did you mean 'history_share'?",
    ),
    "misspelt key inside a nested block": (
        ["--pipelines=split", "--params=split.inner.fold=2"],
        "parameter 'split.inner.fold' is not known; did you mean 'folds'?",
    ),
    "value out of range": (
        ["--pipelines=split", "--params=split.history_share=3"],
        "parameter 'split.history_share': Input should be less than 1 (given: 3)",
    ),
    "misspelt parameter": (
        ["--pipelines=title", "--params=sorce=taobao"],
        "--params: 'sorce' is not a parameter of this project; did you mean 'source'?",
    ),
    "misspelt folder": (
        ["--pipelines=title", "--params=data_rot=/tmp"],
        "--params: 'data_rot' is not a parameter of this project; did you mean 'data_root'?",
    ),
    "unknown source": (
        ["--pipelines=title", "--params=source=tabao"],
        "source 'tabao' is not declared under 'sources:' in the configuration; did you mean 'taobao'?",
    ),
    "unknown pipeline": (["--pipelines=titel"], "there is no pipeline 'titel'; did you mean 'title'?"),
    "unknown pipeline, old option": (["--pipeline=titel"], "there is no pipeline 'titel'; did you mean 'title'?"),
    "several pipelines at once": (
        ["--pipelines=title,other"],
        "title, other end in the same report and cannot be one run: run them one after another",
    ),
    "unknown environment": (
        ["--pipelines=title", "--env=tset"],
        "there is no environment 'tset' in conf/; did you mean 'test'?",
    ),
    "missing file": (["--pipelines=load"], "does not exist: run the pipeline that writes it first"),
    "table that breaks its schema": (
        ["--pipelines=validate"],
        "table 'numbers' breaks its schema: amount: greater_than_or_equal_to(0) (2 rows, e.g. -2, -3)",
    ),
    "unknown node": (["--pipelines=title", "--nodes=take_titel"], "take_titel"),
    "unknown runner": (["--pipelines=title", "--runner=FastRunner"], "FastRunner"),
    "two ways of naming pipelines": (["--pipelines=title", "--pipeline=title"], "cannot be used together"),
    "parameter without a value": (["--pipelines=title", "--params=source"], "must contain a key and a value"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.filterwarnings("ignore:Option '--pipeline' is deprecated")
def test_a_mistake_ends_in_one_line(kedro, arguments, message):
    result = kedro(*arguments)
    last = result.stderr.rstrip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last
    assert "Traceback" not in result.output
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)


def test_a_source_declared_in_the_local_environment_is_found(kedro, conf):
    (conf / "local/parameters.yml").write_text("sources: {mine: {title: Mine}}\n")
    assert kedro("--pipelines=title", "--params=source=mine").exit_code == 0


def test_parameters_and_catalog_must_mean_the_same_source(kedro, conf):
    (conf / "local/parameters.yml").write_text("source: taobao\n")
    last = kedro("--pipelines=title").stderr.splitlines()[-1]
    assert last.startswith(
        "Error: 'source: taobao' stands in a parameter file, but results would be filed under 'demo'"
    )


def test_an_interpolation_that_leads_nowhere_is_told_with_its_place(kedro, conf):
    (conf / "base/parameters/more.yml").write_text("more: ${nowhere}\n")
    last = kedro("--pipelines=title").stderr.splitlines()[-1]
    assert last == "Error: configuration: Interpolation key 'nowhere' not found (at 'more')"


def test_yaml_that_cannot_be_read_is_told_with_its_file(kedro, conf):
    (conf / "base/parameters/split.yml").write_text("split: {history_share: 0.8\n")
    result = kedro("--pipelines=title")
    assert "split.yml" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


def test_a_bug_keeps_its_traceback(kedro):
    result = kedro("--pipelines=crash")
    assert isinstance(result.exception, KeyError)
    assert result.exit_code == 1


def test_ctrl_c_stops_without_a_traceback(kedro):
    result = kedro("--pipelines=interrupt")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1].startswith("Stopped.")


def test_good_requests_run_in_both_spellings(kedro):
    assert kedro("--pipelines=title,split", "--params=source=taobao", "--env=test").exit_code == 0
    with pytest.warns(DeprecationWarning, match="--pipelines"):
        assert kedro("--pipeline=title").exit_code == 0


def test_no_option_of_kedro_is_lost():
    assert [option.name for option in run.params] == [option.name for option in kedro_run.params]
    assert cli.get_command(click.Context(cli), "run") is run


@pytest.mark.parametrize("command", [["-m", "kedro", "run"], ["-m", "crm_pipelines"]], ids=" ".join)
def test_the_real_commands_end_in_that_line(project, command):
    done = subprocess.run(
        [sys.executable, *command, "--pipelines=simulate", "--params=sorce=taobao"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src"), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr.splitlines()[-1] == (
        "Error: --params: 'sorce' is not a parameter of this project; did you mean 'source'?"
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 1
