"""Which run's model is used after the benchmark: the last fold's, the first seed's, of the model that did best."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crm_pipelines.columns import FOLD, MAIN_VARIANT, PROTOCOL, PROTOCOL_TIME, SLICE, SLICE_VALIDATION, VARIANT, Y_TRUE
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.calibration import apply_temperature, log_loss
from crm_pipelines.evaluation.predictions import class_codes, probability_matrix
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun


def kept_run(runs: Sequence[StoredRun], protocol: str = PROTOCOL_TIME) -> tuple[StoredRun, Path]:
    """The run of one model whose fit is used: last fold of a protocol, first seed; and where its model lies.

    Raises:
        UserError: there is none with a stored model.
    """
    run = last_run(runs, protocol)
    if run is None or run.model_path is None:
        raise UserError("no fitted model of the last fold is stored; delete the runs of the model and run it again")
    return run, run.model_path


def last_run(runs: Sequence[StoredRun], protocol: str) -> StoredRun | None:
    """The run of the last fold of a protocol and of the first seed; None without one that applied."""
    mine = [
        run
        for run in runs
        if (run.manifest[VARIANT], run.manifest[PROTOCOL]) == (MAIN_VARIANT, protocol)
        and NOT_APPLICABLE not in run.manifest
    ]
    last = max((run.manifest[FOLD] for run in mine), default=None)
    return next((run for run in mine if run.manifest[FOLD] == last), None)


def best_run(
    runs: Mapping[str, Sequence[StoredRun]], wanted: str, parameter: str, protocol: str = PROTOCOL_TIME
) -> StoredRun | None:
    """Of every model's last run that of the model asked for, else of lowest calibrated log-loss on validation.

    Raises:
        UserError: the one asked for was not run.
    """
    usable = {name: run for name, several in runs.items() if (run := last_run(several, protocol)) is not None}
    if wanted and wanted not in usable:
        raise UserError(f"parameter '{parameter}': '{wanted}' was not run on this source; run it, or leave it empty")
    if wanted:
        return usable[wanted]
    losses = {name: validation_loss(run) for name, run in usable.items()}
    return usable[min(losses, key=lambda name: losses[name])] if losses else None


def validation_loss(run: StoredRun) -> float:
    """Calibrated log-loss of a run on validation."""
    predictions = run.predictions()
    rules = fit_rules(predictions, run.manifest["majority"])
    rows = predictions[predictions[SLICE] == SLICE_VALIDATION]
    calibrated = apply_temperature(probability_matrix(rows), rules.temperature)
    return log_loss(calibrated, class_codes(rows[Y_TRUE], rules.classes))
