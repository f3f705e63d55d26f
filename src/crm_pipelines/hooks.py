"""What happens around a run: checks before it, one line of progress per node, one line at its end."""

import logging
import re
import time
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from crm_pipelines.columns import MODEL
from crm_pipelines.config import RunParameters, parse
from crm_pipelines.datasets.runs import finish_runs
from crm_pipelines.errors import UserError
from crm_pipelines.failures import did_you_mean
from crm_pipelines.runtime_parameters import (
    KEDRO_ENVIRONMENT,
    SOURCE,
    SOURCES,
    check_parameters_are_read,
    check_runtime_parameters,
    own_sources,
    with_source_spec,
)
from crm_pipelines.tracking import check_installed, tracked, write

logger = logging.getLogger(__name__)

PARAMETER = "params:"
_OF_MODELS = "(coldstart|risk|engagement|feedback|profile|recommendation)"
_MODEL_CONFIG = re.compile(rf"params:({_OF_MODELS}\.(\w+)\.config)")
_CHALLENGERS = re.compile(rf"params:({_OF_MODELS}\.challengers)")
_RUNS = re.compile(rf"params:({_OF_MODELS}\.runs)")
_METRICS = re.compile(rf"{_OF_MODELS}_metrics")


class PrepareParameters:
    """Stops a run that asks for something unknown, and looks up the block of its source and the environment's name."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check ``--params`` and add ``source_spec`` and ``kedro_environment`` to the parameters.

        Raises:
            UserError: at an unknown key or source.
        """
        prepare_parameters(context.config_loader)


class CheckParameters:
    """Stops a run before its first node at what Kedro's own validation does not see.

    That is parameters that nothing reads, and the hyper-parameters of models, whose types would cost the import of
    torch wherever pipelines are merely listed.
    """

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check the parameters of all pipelines for unknown names, and those of the models about to run in full.

        Raises:
            UserError: naming the key.
        """
        everything = {name for each in pipelines.values() for name in each.inputs()}
        read = {name.removeprefix(PARAMETER) for name in everything if name.startswith(PARAMETER)}
        if "parameters" not in everything:  # a node that takes all of them could read any
            check_parameters_are_read(catalog.load("parameters"), read)
        for name in sorted(pipeline.inputs()):
            if found := _MODEL_CONFIG.fullmatch(name):
                parse(_model_class(found[2], found[3]).Config, catalog.load(name), found[1])
            elif found := _CHALLENGERS.fullmatch(name):
                _check_models(found[2], found[1], catalog.load(name))
            elif found := _RUNS.fullmatch(name):
                runs = catalog.load(name)
                if isinstance(runs, dict):
                    runs = parse(RunParameters, runs, found[1])
                _check_models(found[2], f"{found[1]}.models", runs.models)


class TrackRuns:
    """Tells MLflow what was measured, where the parameter ``tracking`` is true."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    @hook_impl
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """See whether the run is tracked.

        Raises:
            UserError: it is to be, but MLflow is not installed, or ``tracking`` is neither true nor false.
        """
        on = catalog.load("params:tracking") if "params:tracking" in catalog else False
        if not isinstance(on, bool):
            raise UserError(f"parameter 'tracking' must be true or false, not '{on}'")
        self._folder = Path(catalog.load("params:tracking_folder")) if on else None
        if on:
            check_installed()

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Write parameters and metrics of every model that the run has evaluated."""
        if self._folder is None:
            return
        for name in sorted(pipeline.all_outputs()):
            if found := _METRICS.fullmatch(name):
                metrics = catalog.load(name)
                models = {
                    str(model): _parameters_of(catalog, found[1], str(model)) for model in metrics[MODEL].unique()
                }
                written = write(tracked(metrics, models, catalog.load("params:kedro_environment")), self._folder)
                logger.info("%s: %d models told to MLflow in %s", found[1], written, self._folder)


def _parameters_of(catalog: DataCatalog, pipeline: str, model: str) -> dict[str, Any]:
    """A model's parameters, defaults included, and those of its pipeline's runs."""
    runs, config = f"{PARAMETER}{pipeline}.runs", f"{PARAMETER}{pipeline}.{model}.config"
    found: dict[str, Any] = {}
    if config in catalog:
        found |= parse(_model_class(pipeline, model).Config, catalog.load(config), config).model_dump(mode="json")
    if runs in catalog:
        found["runs"] = parse(RunParameters, catalog.load(runs), runs).model_dump(mode="json")
    return found


def _model_class(pipeline: str, name: str) -> Any:
    """The class of a pipeline's model."""
    from crm_pipelines.models.registry import (
        LEAKY_ROWS,
        SEQUENCE_MODELS,
        behaviour_model,
        product_model,
        risk_model,
        sequence_model,
        text_model,
    )

    if pipeline == "coldstart":
        return behaviour_model(name)
    if pipeline == "feedback":
        return text_model(name)
    if pipeline == "recommendation":
        return product_model(name)
    if pipeline == "engagement" and name in SEQUENCE_MODELS:
        return sequence_model(name)
    return risk_model(LEAKY_ROWS.get(name, name))


def _check_models(pipeline: str, parameter: str, models: object) -> None:
    """Stop at what is no list of a pipeline's models."""
    from crm_pipelines.models.registry import (
        BEHAVIOUR_MODELS,
        CHURN_MODELS,
        PRODUCT_MODELS,
        PURCHASE_MODELS,
        RISK_ROWS,
        SEQUENCE_MODELS,
        TEXT_MODELS,
    )

    of_pipeline = {
        "risk": RISK_ROWS,
        "coldstart": BEHAVIOUR_MODELS,
        "engagement": (*SEQUENCE_MODELS, *CHURN_MODELS),
        "feedback": TEXT_MODELS,
        "profile": PURCHASE_MODELS,
        "recommendation": PRODUCT_MODELS,
    }
    known = of_pipeline[pipeline]
    if not isinstance(models, list | tuple):
        raise UserError(f"parameter '{parameter}' must be a list, such as [{models}]")
    for model in models:
        if model not in known:
            raise UserError(f"parameter '{parameter}': there is no model '{model}'{did_you_mean(str(model), known)}")


class ReportProgress:
    """Says which node runs, and how long the whole took."""

    def __init__(self) -> None:
        self._total = 0
        self._started = 0
        self._since = 0.0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Start counting."""
        self._total, self._started, self._since = len(pipeline.nodes), 0, time.monotonic()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Announce a node before it runs, so that a long one can be seen at work."""
        self._started += 1
        logger.info("step %d of %d: %s", self._started, max(self._total, self._started), node.name)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Wait for runs that nothing has loaded, and close with the time taken."""
        finish_runs()
        logger.info("done in %s", duration(time.monotonic() - self._since))


class StartSpark:
    """Builds the Spark session that Ibis then finds, where the environment asks for Spark tables."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Create the session from ``spark.yml`` if ``engine: spark`` stands in ``globals.yml``.

        Raises:
            UserError: where pyspark is not installed.
        """
        loader: Any = context.config_loader
        if loader["globals"].get("engine") != "spark":
            return
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise UserError("--env=spark needs pyspark and Java 17: pip install -e '.[spark]'") from error
        builder = SparkSession.builder.appName("crm_pipelines")
        for key, value in loader["spark"].items():
            builder = builder.config(key, value)
        builder.getOrCreate()


def prepare_parameters(loader: Any) -> None:
    """Check a configuration loader's run-time parameters; add ``source_spec`` and ``kedro_environment`` to its others.

    Args:
        loader: Kedro's ``OmegaConfigLoader``.

    Raises:
        UserError: at an unknown key or source.
    """
    given = loader.runtime_params or {}
    conf = Path(loader.conf_source)
    parameters = dict(loader["parameters"])
    if conf.is_dir():  # not so for packaged configuration, which is an archive
        check_runtime_parameters(given, conf, [loader.base_env, loader.env or loader.default_run_env])
        if isinstance(parameters.get(SOURCES), dict):
            parameters[SOURCES] = {**own_sources(conf, loader.default_run_env), **parameters[SOURCES]}
    filed_under = given.get(SOURCE, loader["globals"].get(SOURCE, ""))
    parameters[KEDRO_ENVIRONMENT] = loader.env or loader.default_run_env
    loader["parameters"] = with_source_spec(parameters, str(filed_under))


def duration(seconds: float) -> str:
    """A time span for people: ``4.2 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
