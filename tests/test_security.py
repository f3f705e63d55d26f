"""What may come from anybody is read as data: no path leads out, no code is loaded, no text becomes a page."""

import ast
from pathlib import Path

import ibis
import pytest

from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.sources.raw import RawFolder

UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
"""Modules that run code when they read."""
NETWORK = {"requests", "urllib", "http", "socket", "aiohttp", "httpx", "ftplib"}


def modules_of(project: Path) -> list[Path]:
    return sorted((project / "src").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level modules that a file imports anywhere in it."""
    found = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {name.name.split(".")[0] for name in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found.add(statement.module.split(".")[0])
    return found


def calls(path: Path) -> list[ast.Call]:
    return [each for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(each, ast.Call)]


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def test_nothing_that_runs_code_when_it_reads_is_imported(project):
    found = {path.name: names for path in modules_of(project) if (names := imported(path) & (UNSAFE | NETWORK))}
    assert found == {}


def test_arrays_are_never_unpickled_and_yaml_is_read_safely(project):
    for path in modules_of(project):
        for call in calls(path):
            name = name_of(call)
            if name in {"np.load", "numpy.load"}:
                assert any(k.arg == "allow_pickle" and ast.unparse(k.value) == "False" for k in call.keywords), path
            assert name not in {"eval", "exec", "yaml.load", "torch.load", "joblib.load", "pd.read_pickle"}, path


def test_classes_are_imported_from_fixed_tables_only(project):
    """``import_module`` is given names of the registries, never text from a file."""
    callers = {path.name for path in modules_of(project) for call in calls(path) if name_of(call) == "import_module"}
    assert callers <= {"registry.py", "pipeline_registry.py", "adjacency.py"}


def test_the_name_in_a_manifest_is_looked_up_and_never_imported():
    from crm_pipelines.models.registry import behaviour_model, risk_model, sequence_model

    for look_up in (behaviour_model, risk_model, sequence_model):
        with pytest.raises(UserError, match="there is no"):
            look_up("os.system")


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "..\\secret.csv", ""])
def test_a_source_block_cannot_name_a_file_elsewhere(path):
    block = {"title": "x", "reader": "tables", "interactions": {"file": path, "behaviours": {"a": "a", "b": "b"}}}
    with pytest.raises(UserError, match="below raw_root"):
        parse(SourceSpec, block, "sources.mine")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "raw/link.csv").symlink_to(tmp_path / "secret.csv")
    connection = ibis.duckdb.connect()
    with pytest.raises(UserError, match="leads outside the folder of raw files"):
        RawFolder(root=tmp_path / "raw", connection=connection).read("link.csv")
    connection.disconnect()


def test_hostile_names_of_columns_and_files_are_text(tmp_path):
    """Quotes and statements in a header or a file name stay what they are."""
    connection = ibis.duckdb.connect()
    raw = RawFolder(root=tmp_path, connection=connection, staging=tmp_path)
    name = "x'; drop table t; --.csv"
    (tmp_path / name).write_text('"a""; drop table t; --",b\n1,2\n')
    table = raw.read(name)
    assert table.columns == ('a"; drop table t; --', "b")
    assert table.table.to_pandas().iloc[0, 1:].tolist() == ["1", "2"]
    connection.disconnect()


def test_reading_that_breaks_off_is_told_in_one_line(tmp_path, monkeypatch):
    connection = ibis.duckdb.connect()
    raw = RawFolder(root=tmp_path, connection=connection, staging=tmp_path)
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")

    def broken(self, *arguments, **named):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", broken)
        with pytest.raises(UserError, match=r"log\.csv cannot be read: Input/output error; check its permissions"):
            raw.read("log.csv")
    connection.disconnect()


def test_a_full_disk_while_reading_names_the_folder_of_temporary_files(tmp_path):
    from crm_pipelines.sources.raw import _unreadable

    told = _unreadable("log.csv", None, OSError(28, "No space left on device"))
    assert "TMPDIR" in str(told)
    assert "Repair" not in str(told)


def test_text_from_data_becomes_neither_markdown_nor_html_in_a_model_card():
    import pandas as pd

    from crm_pipelines.scoring.cards import write_card
    from crm_pipelines.scoring.kept import Kept

    manifest = {"system": "risk", "fitted": True, "model": "lightgbm", "protocol": "stratified", "fold": 0, "seed": 42}
    manifest |= {"source": "mine", "version": "0", "format": 1, "run": "abc", "classes": ["<script>x</script>", "b|c"]}
    spec = SourceSpec.model_validate(
        {"title": "[x](javascript:alert(1))", "records": {"file": "a.csv", "classes": {"0": "a", "1": "b"}}}
    )
    empty = pd.DataFrame({name: [] for name in ("model", "protocol", "slice", "metric", "value", "n")})
    card = write_card(Kept(Path(), manifest), empty, pd.DataFrame(), pd.DataFrame(), spec)
    assert "<script>" not in card
    assert "](javascript" not in card
    assert "b|c" not in card
