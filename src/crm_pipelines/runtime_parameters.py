"""Checks what a run is asked for before anything is computed: ``--params`` and the data source.

Kedro accepts any key in ``--params``, so that a misspelt one would change nothing, silently.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from crm_pipelines.errors import UserError
from crm_pipelines.failures import did_you_mean

SOURCE = "source"
SOURCES = "sources"
SOURCE_SPEC = "source_spec"
KEDRO_ENVIRONMENT = "kedro_environment"
"""Parameter that names the configuration environment of a run; results carry it, so that the report can say so."""

_SOURCE_NAME = re.compile(r"\w[\w-]*")
_RESOLVED = re.compile(r"\$\{\s*runtime_params:\s*(\w+)")


def check_runtime_parameters(given: Mapping[str, object], conf: Path, environments: Sequence[str]) -> None:
    """Stop at a run-time parameter that no configuration file knows.

    Args:
        given: the parsed ``--params``, nested mappings for dotted keys.
        conf: the configuration folder.
        environments: names of the folders below it that take part, for example ``("base", "local")``.

    Raises:
        UserError: naming the key and the likely intended one.
    """
    if not given:
        return
    known: set[str] = set()
    for path, text in _files(conf, environments):
        known.update(_RESOLVED.findall(text))
        if "parameters" in path.as_posix():
            known.update(_keys(text))
    for key in given:
        if key not in known:
            raise UserError(f"--params: '{key}' is not a parameter of this project{did_you_mean(key, known)}")


def check_parameters_are_read(parameters: Mapping[str, Any], read: Collection[str]) -> None:
    """Stop at a parameter that nothing reads: a misspelt block or model name, which would change nothing, silently.

    Args:
        parameters: merged from all files and ``--params``. Top-level single values and names with a leading
            underscore are left alone: they may serve other entries as variables.
        read: dotted names of the parameters that some node reads; what lies below them is checked by their models.

    Raises:
        UserError: naming the key and the likely intended one.
    """
    known = {*read, SOURCE, SOURCES, SOURCE_SPEC}
    blocks = {key: value for key, value in parameters.items() if isinstance(value, Mapping) and key[:1] != "_"}
    _check_below("", blocks, known)


def _check_below(prefix: str, block: Mapping[str, Any], known: Collection[str]) -> None:
    """Check the keys of a block that is not read as a whole."""
    for key, value in block.items():
        path = f"{prefix}{key}"
        if path in known:
            continue
        if not any(name.startswith(f"{path}.") for name in known):
            siblings = {name.removeprefix(prefix).split(".")[0] for name in known if name.startswith(prefix)}
            raise UserError(f"parameter '{path}' is not known{did_you_mean(str(key), siblings)}")
        if isinstance(value, Mapping):
            _check_below(f"{path}.", value, known)


def with_source_spec(parameters: Mapping[str, Any], filed_under: str) -> dict[str, Any]:
    """Parameters with ``source_spec``, the block of the chosen source.

    It is looked up here rather than by an interpolation, which YAML files resolve before the blocks of another
    environment are merged into theirs.

    Args:
        parameters: merged from all files and ``--params``.
        filed_under: the source by whose name the catalog files its results.

    Raises:
        UserError: if the source is not declared, or parameters and catalog disagree about it.
    """
    sources = parameters.get(SOURCES)
    if not isinstance(sources, Mapping):
        return dict(parameters)
    source = str(parameters.get(SOURCE, filed_under))
    if not _SOURCE_NAME.fullmatch(source):
        raise UserError(
            f"source '{source}': its name is that of its folders too; give it letters, digits, '_' and '-' only"
        )
    if source not in sources:
        hint = did_you_mean(source, map(str, sources))
        raise UserError(f"source '{source}' is not declared under 'sources:' in the configuration{hint}")
    if source != filed_under:
        raise UserError(
            f"'source: {source}' stands in a parameter file, but results would be filed under '{filed_under}': "
            "choose the source by --params=source=NAME, or for good by 'source: NAME' in conf/local/globals.yml"
        )
    return {**parameters, SOURCE_SPEC: sources[source]}


def own_sources(conf: Path, environment: str) -> dict[str, Any]:
    """Blocks under ``sources:`` of an environment that does not take part in a run.

    Kedro reads one environment besides ``base``; a user's own source in ``conf/local`` is meant to go with any of them.

    Args:
        conf: the configuration folder.
        environment: the folder below it.
    """
    blocks: dict[str, Any] = {}
    for path, text in _files(conf, [environment]):
        content = _mapping(text) if "parameters" in path.as_posix() else {}
        if isinstance(content.get(SOURCES), dict):
            blocks.update(content[SOURCES])
    return blocks


def _files(conf: Path, environments: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Path below ``conf`` and text of every YAML file of some environments."""
    for environment in dict.fromkeys(environments):
        for path in sorted((conf / environment).rglob("*.y*ml")):
            yield path.relative_to(conf), path.read_text(encoding="utf-8")


def _keys(text: str) -> list[str]:
    """Top-level keys of a YAML file."""
    return list(_mapping(text))


def _mapping(text: str) -> dict[str, Any]:
    """A YAML file; empty where it cannot be read, which Kedro reports better."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}
