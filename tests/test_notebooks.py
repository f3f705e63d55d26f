"""Notebooks read the catalog and hold no logic; they run from top to bottom after a run of the demo data."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@each_notebook
def test_it_is_committed_without_outputs(path: Path) -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code_cells(path))


@each_notebook
def test_it_holds_no_logic_and_reads_the_catalog_alone(path: Path) -> None:
    source = "\n".join("".join(cell["source"]) for cell in code_cells(path))
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, LOGIC)]
    assert "catalog.load(" in source
    assert not [word for word in ("read_csv", "read_parquet", "open(", ".save(") if word in source]


@pytest.mark.slow
@each_notebook
def test_it_runs_after_a_run_of_the_demo_data(path: Path, demo_run: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(demo_run / "notebooks" / path.name, as_version=4)
    where = {"metadata": {"path": str(demo_run / "notebooks")}}
    executed = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    shown = [output["output_type"] for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    assert shown.count("execute_result") >= 5


@pytest.fixture(scope="module")
def demo_run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project in which ``coldstart`` has run, at the size of the environment ``test``."""
    pytest.importorskip("ipykernel")
    copy = tmp_path_factory.mktemp("project")
    for folder in ("conf", "notebooks", "src", "data/01_raw/demo"):
        shutil.copytree(project / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "pyproject.toml", copy)
    with pytest.MonkeyPatch.context() as patch:  # the kernel inherits these too
        patch.setenv("KEDRO_ENV", "test")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(copy / "src"), os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "kedro", "run", "--pipelines=coldstart"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        yield copy
