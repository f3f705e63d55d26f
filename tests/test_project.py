"""The project as a whole: every pipeline is registered, every dataset has its place, and starting is quick."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from crm_pipelines.models.registry import (
    BEHAVIOUR_MODELS,
    CHURN_MODELS,
    PRODUCT_MODELS,
    PURCHASE_MODELS,
    RISK_ROWS,
    SEQUENCE_MODELS,
    TEXT_MODELS,
)
from crm_pipelines.pipeline_registry import CHAINS, DEFAULT, STAGES, register_pipelines

ENVIRONMENTS = ("local", "test", "paper", "large", "large_reviews", "large_feedback")
DEEP_LEARNING = ("torch", "torch_geometric", "lightning")
MODELS = {
    "coldstart_models": BEHAVIOUR_MODELS,
    "risk_models": RISK_ROWS,
    "engagement_models": {*SEQUENCE_MODELS, *CHURN_MODELS},
    "feedback_models": TEXT_MODELS,
    "profile": PURCHASE_MODELS,
    "recommendation_models": PRODUCT_MODELS,
}
LAYERS = ("raw", "intermediate", "primary", "feature", "models", "model_output", "reporting")
SLOW_TO_IMPORT = (*DEEP_LEARNING, "lightgbm", "matplotlib", "mlflow")


@pytest.fixture(scope="module", autouse=True)
def bootstrapped(project) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(project)
    bootstrap_project(project)
    yield
    os.chdir(before)


def catalog_of(project: Path, env: str | None = None, **params: str):
    with KedroSession.create(project_path=project, env=env, runtime_params=params) as session:
        return session.load_context().catalog


def test_every_pipeline_is_registered():
    registered = register_pipelines()
    assert set(STAGES) - set(CHAINS) <= set(registered)
    assert {"__default__", "coldstart", "coldstart_models", "risk", "risk_models", "risk_reporting"} <= set(registered)
    assert all(pipeline.nodes for pipeline in registered.values())


def test_a_chain_is_its_stages_one_after_another():
    registered = register_pipelines()
    names = {node.name for node in registered["coldstart"].nodes}
    for stage in ("ingestion", "preprocessing", "coldstart_models", "reporting"):
        assert {node.name for node in registered[stage].nodes} <= names
    assert registered["coldstart"].inputs() & {"interactions", "event_stores", "coldstart_metrics"} == set()
    assert registered["risk"].inputs() & {"records", "record_arrays", "risk_metrics"} == set()
    assert registered["feedback"].inputs() & {"documents", "document_words", "feedback_metrics"} == set()
    assert set(registered["reporting"].nodes) <= set(registered[DEFAULT].nodes)


def test_without_a_name_every_chain_is_run_and_one_report_written():
    registered = register_pipelines()
    whole = {node.name for node in registered["__default__"].nodes}
    for chain in CHAINS:
        assert {node.name for node in registered[f"{chain}_models"].nodes} <= whole
    assert {"inspect_source", "decide_actions", "prepare_sequences", "prepare_records"} <= whole
    assert [name for name in whole if name.startswith("build_report")] == ["build_report"]
    assert (
        registered["__default__"].inputs() & {"interactions", "kept_risk", "risk_metrics", "customer_actions"} == set()
    )


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_and_parameter_of_every_pipeline_is_in_the_catalog(project, env):
    catalog = catalog_of(project, env)
    wanted = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    assert {name for name in wanted if name not in catalog} == set()


def test_results_of_every_source_lie_apart_and_below_the_data_root(project):
    catalog = catalog_of(project, data_root="elsewhere", raw_root="raw", source="taobao")
    shared_by_all_sources = {"report", "results"}
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    for name in sorted(names):
        if name.startswith("params:") or name == "parameters":
            continue
        described = str(catalog[name])
        if name in {"demo_world", "platforms", "raw_files"}:
            assert "/raw" in described
        else:
            assert "elsewhere/0" in described
            assert ("/taobao/" in described) != (name in shared_by_all_sources), name


def test_every_dataset_and_pattern_is_in_a_layer_of_the_picture(project):
    with KedroSession.create(project_path=project) as session:
        catalog = session.load_context().config_loader["catalog"]
    assert len(catalog) > 150
    layers = {name: entry.get("metadata", {}).get("kedro-viz", {}).get("layer") for name, entry in catalog.items()}
    assert {name: layer for name, layer in layers.items() if layer not in LAYERS} == {}


def test_every_table_metric_and_figure_can_be_previewed_in_the_picture(project):
    catalog = catalog_of(project)
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets() if not name.startswith("param")}
    shown = {name for name in names if catalog[name].metadata["kedro-viz"]["layer"] == "reporting"}
    assert len(shown) > 100
    without = {name for name in shown if not callable(getattr(catalog[name], "preview", None))}
    assert {name for name in without if not name.startswith("card_")} == {"report", "results"}


def test_layers_follow_one_another_so_that_the_picture_shows_them(project):
    """Kedro-Viz leaves out all layers where data of one lead back to an earlier one."""
    catalog = catalog_of(project)
    nodes = [node for pipeline in pipelines.values() for node in pipeline.nodes]
    names = {name for node in nodes for name in (*node.inputs, *node.outputs) if not name.startswith("param")}
    place = {name: LAYERS.index(catalog[name].metadata["kedro-viz"]["layer"]) for name in names}
    back = {
        (given, node.name, made)
        for node in nodes
        for given in node.inputs
        for made in node.outputs
        if given in place and place[given] > place[made]
    }
    assert back == set()


@pytest.mark.parametrize("name", MODELS)
def test_the_models_of_a_pipeline_fold_into_its_namespace(name):
    found = {node.namespace for node in pipelines[name].nodes if node.namespace}
    assert found == {f"{name.removesuffix('_models')}.{model}" for model in MODELS[name]}


def test_ids_come_back_from_tables_for_use_as_they_were(project, tmp_path):
    catalog = catalog_of(project, data_root=str(tmp_path))
    for name in ("engagement_plans", "risk_scores", "customer_actions_sheet", "contact_list"):
        catalog.save(name, pd.DataFrame({"customer_id": ["0012", "7"], "value": [1.5, 2.0]}))
        assert list(catalog.load(name)["customer_id"]) == ["0012", "7"], name


def imported_by(project: Path, *command: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """Modules that a command of Kedro imports, and what it said."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kedro", *command],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = "import time:"
    return {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith(told)}, done


def test_listing_the_pipelines_imports_no_deep_learning(project):
    imported, done = imported_by(project, "registry", "list")
    assert "- coldstart\n" in done.stdout
    assert imported & set(SLOW_TO_IMPORT) == set()
    assert not [line for line in done.stderr.splitlines() if not line.startswith("import time:")]


@pytest.mark.slow
def test_help_and_tables_import_no_deep_learning(project, tmp_path):
    """Networks are imported by the nodes that need them."""
    told, _ = imported_by(project, "run", "--help")
    assert told & set(DEEP_LEARNING) == set()
    ran, _ = imported_by(project, "run", "--env=test", "--pipelines=ingestion", f"--params=data_root={tmp_path}")
    assert (tmp_path / "02_intermediate").is_dir()
    assert ran & set(DEEP_LEARNING) == set()


def test_constraints_name_one_version_of_every_dependency_and_keep_its_bounds(project):
    declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (project / "constraints.txt").read_text(), re.MULTILINE))
    pins = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    extras = [line for name in ("viz", "docs", "notebooks", "dev") for line in declared["optional-dependencies"][name]]
    for requirement in map(Requirement, [*declared["dependencies"], *extras]):
        assert requirement.specifier, f"{requirement.name} has no bounds"
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_nothing_of_a_run_or_of_a_person_is_committed(project):
    if not (project / ".git").exists():
        pytest.skip("not a git checkout")
    paths = {
        "data/02_intermediate/demo/items.parquet": True,
        "data/08_reporting/index.html": True,
        "data/01_raw/taobao_user_behavior/UserBehavior.csv": True,
        "data/01_raw/demo/UserBehavior.csv": False,
        "data/01_raw/fprt/purchases.csv": False,
        "data/01_raw/README.md": False,
        "conf/local/parameters/sources.yml": True,
        "conf/local/.gitkeep": False,
        "conf/base/credentials.yml": True,
    }
    ignored = {
        path: subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=project).returncode == 0
        for path in paths
    }
    assert ignored == paths
