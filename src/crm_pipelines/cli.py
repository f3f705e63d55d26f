"""``kedro run`` as Kedro has it, except that a user's mistake ends in one line instead of a traceback.

Kedro takes ``run`` from here because this module is called ``cli`` and offers a group of that name
(https://docs.kedro.org/en/stable/extend/common_use_cases/).
"""

import traceback
from pathlib import Path
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS, KedroCliError
from kedro.framework.project import pipelines, settings
from kedro.utils import find_kedro_project
from kedro.validation import DataValidationError, ParameterValidationError
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, ValidationError

from crm_pipelines.failures import chain, did_you_mean, explain, one_line, parameter_problems
from crm_pipelines.hooks import prepare_parameters
from crm_pipelines.runtime_parameters import SOURCE, SOURCE_SPEC, SOURCES

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

# Where Kedro itself refuses what was asked for: unknown names, empty selections, keys declared twice.
_REFUSALS = {
    "kedro.config.omegaconf_config",
    "kedro.framework.session.session",
    "kedro.pipeline.pipeline",
    "kedro.runner.runner",
    "kedro.utils",
}


class PlainCommand(click.Command):
    """A command whose users read one line about their mistakes; other errors keep their traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options."""
        try:
            return super().make_context(*args, **kwargs)
        except KedroCliError as error:  # Kedro's own way of showing it ends in a hint, not in the message
            raise click.ClickException(one_line(error)) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run; on a user's mistake print ``Error: ...`` as the last line on stderr and exit with 1."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Stopped. What was finished is kept; the same command goes on from there.", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            message = _message(error, ctx.params)
            if message is None:
                raise
            raise click.ClickException(message) from error


@click.group(context_settings=CONTEXT_SETTINGS, name="crm_pipelines")
def cli() -> None:
    """Commands of crm_pipelines."""


run = PlainCommand(
    name="run",
    callback=kedro_run.callback,
    params=kedro_run.params,
    help=kedro_run.help,
    context_settings=CONTEXT_SETTINGS,
)
cli.add_command(run)


def _message(error: Exception, options: dict[str, Any]) -> str | None:
    """The user's mistake behind an error of a run, or ``None``."""
    if isinstance(error, KedroCliError):
        return one_line(error)
    if isinstance(error, click.ClickException | click.exceptions.Exit):
        return None
    if isinstance(error, ParameterValidationError):
        return _parameters_message(options) or one_line(error)
    if isinstance(error, MissingConfigException):
        return _environment_message(error, options)
    names = [*(options.get("pipelines") or ()), *filter(None, [options.get("pipeline")])]
    unknown = [name for name in names if name not in pipelines] if isinstance(error, ValueError) else []
    if unknown:
        return f"there is no pipeline '{unknown[0]}'{did_you_mean(unknown[0], pipelines)}"
    if len(names) > 1 and _refused_by_kedro(error) and "unique names" in str(error):
        return f"{', '.join(names)} end in the same report and cannot be one run: run them one after another"
    for cause in chain(error):
        if isinstance(cause, DataValidationError) and explain(cause) is None:
            return _data_message(cause)
    return explain(error) or (one_line(error) if _refused_by_kedro(error) else None)


def _parameters_message(options: dict[str, Any]) -> str:
    """Every violated rule of the parameter blocks; Kedro keeps no more than a text of many lines about them."""
    conf_source = options.get("conf_source") or str(_project() / settings.CONF_SOURCE)
    loader = settings.CONFIG_LOADER_CLASS(
        conf_source=conf_source,
        env=options.get("env"),
        runtime_params=options.get("params"),
        **settings.CONFIG_LOADER_ARGS,
    )
    prepare_parameters(loader)
    parameters = loader["parameters"]
    problems: dict[str, None] = {}  # ordered, each once
    for name, model in TypeExtractor(dict(pipelines)).extract_types_from_pipelines().items():
        value: Any = parameters
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and isinstance(model, type) and issubclass(model, BaseModel):
            try:
                model.model_validate(value)
            except ValidationError as error:
                shown = f"{SOURCES}.{parameters[SOURCE]}" if name == SOURCE_SPEC else name
                problems.update(dict.fromkeys(parameter_problems(shown, model, error)))
    return "; ".join(problems)


def _environment_message(error: MissingConfigException, options: dict[str, Any]) -> str:
    """An unknown ``--env``, or a configuration folder without files."""
    conf = Path(options.get("conf_source") or _project() / settings.CONF_SOURCE)
    env = options.get("env")
    if env and conf.is_dir() and not (conf / env).is_dir():
        known = [folder.name for folder in conf.iterdir() if folder.is_dir()]
        return f"there is no environment '{env}' in {conf.name}/{did_you_mean(env, known)}"
    return one_line(error)


def _data_message(error: DataValidationError) -> str:
    """A table that breaks its schema: which checks, how often, with examples."""
    failures = [
        f"{failure.column or 'table'}: {failure.check or failure.message}"
        + (f" ({failure.failure_count} rows" if failure.failure_examples else "")
        + (f", e.g. {', '.join(map(str, failure.failure_examples[:3]))})" if failure.failure_examples else "")
        for failure in error.failures
    ]
    what = "; ".join(one_line(failure) for failure in failures) or one_line(error.message)
    return f"table '{error.dataset_name}' breaks its schema: {what}"


def _refused_by_kedro(error: Exception) -> bool:
    """Whether the error was raised by Kedro itself while it read the request, not by any code it called."""
    frames = [frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, ValueError | AttributeError) and bool(frames) and frames[-1] in _REFUSALS


def _project() -> Path:
    return Path(find_kedro_project(Path.cwd()) or Path.cwd())
