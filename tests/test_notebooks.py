"""Notebooks read the catalog and hold no logic; they run from top to bottom after a run of the demo data.

One run of the pipelines and one kernel serve all of them: names are cleared in between, imports are not done again.
"""

import ast
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
OF_A_MODEL = (ast.FunctionDef, ast.ClassDef)
"""Logic that a notebook about writing a model cannot do without."""

MODELS = {
    "coldstart": "majority last_behaviour lightgbm tfpnet",
    "engagement": "popularity markov majority logistic_regression",
}
READ = (
    *("coldstart_metrics", "coldstart_comparisons", "explanations"),
    *("engagement_plans", "engagement_policy", "engagement_effects"),
)
"""What is read of the last nodes; what is read of earlier ones is made on the way there."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def source_of(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in code_cells(path))


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_catalog_tour",
        "02_cold_start_explained",
        "03_choosing_whom_to_contact",
        "04_adding_a_model",
    ]


@each_notebook
def test_it_is_committed_without_outputs(path: Path) -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code_cells(path))


@each_notebook
def test_it_holds_no_logic_and_reads_the_catalog_alone(path: Path) -> None:
    source = source_of(path)
    allowed = OF_A_MODEL if path.stem.endswith("_model") else ()
    assert not [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, LOGIC) and not isinstance(node, allowed)
    ]
    assert "catalog.load(" in source
    forbidden = ("read_csv", "read_parquet", "read_json", "open(", "catalog.save(", ".to_csv", ".to_parquet")
    assert not [word for word in forbidden if word in source]


@pytest.mark.slow
@each_notebook
def test_it_runs_after_a_run_of_the_demo_data(path: Path, executed: dict[str, list[Any]]) -> None:
    outputs = [output for cell in executed[path.stem] for output in cell.outputs]
    failed = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
    assert not failed
    shown = [output for output in outputs if output.output_type == "execute_result"]
    assert len(shown) >= 5
    assert not [output for output in shown if "Empty DataFrame" in output.data.get("text/plain", "")]


@pytest.fixture(scope="module")
def executed(demo_run: Path) -> dict[str, list[Any]]:
    """The code cells of every notebook, by its name, after they were executed."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cells, of_notebook = [], {}
    for path in NOTEBOOKS:
        cells.append(nbformat.v4.new_code_cell("%reset -f"))
        of_notebook[path.stem] = slice(len(cells), len(cells) + len(code_cells(path)))
        cells += [nbformat.v4.new_code_cell("".join(cell["source"])) for cell in code_cells(path)]
    together = nbformat.v4.new_notebook(cells=cells)
    where = {"metadata": {"path": str(demo_run / "notebooks")}}
    client = nbclient.NotebookClient(together, timeout=300, kernel_name="python3", resources=where, allow_errors=True)
    done = client.execute().cells
    return {name: done[part] for name, part in of_notebook.items()}


@pytest.fixture(scope="module")
def demo_run(project: Path, kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project in which some models of two pipelines have run, at the size of the environment ``test``."""
    pytest.importorskip("ipykernel")
    copy = tmp_path_factory.mktemp("project")
    for folder in ("conf", "notebooks", "src", "data/01_raw/demo"):
        shutil.copytree(project / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "pyproject.toml", copy)
    models = ",".join(f"{pipeline}.runs.models={names}" for pipeline, names in MODELS.items())
    ran = kedro_run(
        "--env=test", f"--to-outputs={','.join(READ)}", f"--params=data_root={copy / 'data'},processes=1,{models}"
    )
    assert ran.exit_code == 0, ran.everything[-3000:]
    with pytest.MonkeyPatch.context() as patch:  # the kernel inherits these
        patch.setenv("KEDRO_ENV", "test")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(copy / "src"), os.environ.get("PYTHONPATH", "")]))
        yield copy
