"""Project settings, read by Kedro (https://docs.kedro.org/en/stable/configure/configuration_basics/)."""

from crm_pipelines.hooks import CheckParameters, PrepareParameters, ReportProgress, StartSpark, TrackRuns

HOOKS = (PrepareParameters(), StartSpark(), CheckParameters(), TrackRuns(), ReportProgress())

# Where it happens to be installed, this plugin would stop runs for want of an `mlflow.yml`; TrackRuns does its work.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment adds to the parameters and the catalog of `base` instead of replacing whole blocks.
    "merge_strategy": {"parameters": "soft", "catalog": "soft"},
    "config_patterns": {"spark": ["spark*", "spark*/**"]},
}
