"""Tables 4 and 5 of paper A: a model beside its variants, from the studies ``sensitivity`` and ``ablation``.

A variant called ``<parameter>=<value>`` belongs to Table 4, any other to Table 5. Variants may have been run on fewer
folds and seeds than the whole model, so that one is taken from the same folds and seeds here.
"""

from typing import Final

import pandas as pd

from crm_pipelines.columns import (
    CUSTOMER,
    FOLD,
    ITEM,
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PROTOCOL,
    SEED,
    SLICE,
    SLICE_ALL,
    VARIANT,
    N,
    cold_slice,
)
from crm_pipelines.reporting.names import FOCUS, model_rank
from crm_pipelines.reporting.published import published_values
from crm_pipelines.reporting.tables import main_protocol, summarise, variant_differences

STUDIES: Final = "coldstart.runs.studies"
"""The parameter that asks for the variants."""
PARAMETERS: Final = {"decay_base": "Decay base λ", "factors": "Factors d_fm", "learning_rate": "Learning rate"}
"""Parameters of Table 4 in the paper's order, as they are called on the page."""
ABLATIONS: Final = {
    "no_tgat": "without TGAT",
    "no_time_encoding": "without time encoding",
    "no_deepfm": "without DeepFM",
    "no_fm": "without the FM layer",
    "no_protonet": "without ProtoNet",
    "no_prototype_generation": "without prototype generation",
    "tgat_only": "TGAT only",
    "deepfm_only": "DeepFM only",
    "tgat_deepfm": "TGAT and DeepFM",
    "protonet_cold_start": "answers from prototypes alone",
    "two_layers": "with two rounds of attention",
    "entire_scaling": "scaled by all data, test part too (a leak)",
}
"""Variants of Table 5, as they are called on the page."""
COLD_SLICES: Final = (cold_slice(ITEM, 1), cold_slice(CUSTOMER, 1))

_PUBLISHED: Final = ["published", "published_std", "published_behind"]
_MEASURED: Final = ["macro_f1", "macro_f1_std", "accuracy", "accuracy_std", "runs", N]
_DIFFERENCE: Final = ["difference", "low", "high"]
TABLE_4_COLUMNS: Final = (MODEL, "parameter", "setting", VARIANT, *_PUBLISHED, *_MEASURED, *_DIFFERENCE)
_COLD_COLUMNS: Final = [f"{name}{suffix}" for name in COLD_SLICES for suffix in ("", "_std", "_n")]
TABLE_5_COLUMNS: Final = (
    MODEL,
    VARIANT,
    *_PUBLISHED,
    "published_recall_behind",
    *_MEASURED,
    *_DIFFERENCE,
    *_COLD_COLUMNS,
)


def table_4(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Sensitivity: one row per parameter and value, and one of the whole model, whose ``parameter`` is empty.

    Returns:
        ``TABLE_4_COLUMNS``: published accuracy, ours and macro-F1 on all test events, and ``difference`` in macro-F1,
        variant less whole model. ``setting`` is the parameter's value as a number, missing where the paper shows it
        in an image only.
    """
    table = _variants(metrics, comparisons, _published(4, data_set), of_parameters=True)
    parts = table[VARIANT].str.extract(r"^(?:(.*?)=)?(.*)$")
    table["parameter"] = parts[0].fillna("")
    table["setting"] = pd.to_numeric(parts[1], errors="coerce").astype("float64")
    known = list(PARAMETERS)
    rank = table["parameter"].map(lambda name: -1 if not name else known.index(name) if name in known else len(known))
    order = table.assign(_model=table[MODEL].map(model_rank), _rank=rank.astype("int64"))
    order = order.sort_values(["_model", "_rank", "parameter", "setting"], kind="stable", na_position="last")
    return order[list(TABLE_4_COLUMNS)].reset_index(drop=True)


def table_5(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Ablation: one row per variant, the whole model first.

    Returns:
        ``TABLE_5_COLUMNS``: as ``table_4``, with macro-F1 on new entities with one event seen, its spread and n. The
        recall the paper states to be lost stands apart, since it names no data set for it.
    """
    published = _published(5, data_set)
    table = _variants(metrics, comparisons, published, of_parameters=False)
    recall = published[published[METRIC] == "recall"].set_index([MODEL, VARIANT])["published_behind"]
    keys = pd.MultiIndex.from_frame(table[[MODEL, VARIANT]])
    table["published_recall_behind"] = recall.reindex(keys).to_numpy(dtype="float64")
    order = {name: position for position, name in enumerate((MAIN_VARIANT, *ABLATIONS))}
    rank = table[VARIANT].map(lambda name: order.get(name, len(order))).astype("int64")
    ranked = table.assign(_model=table[MODEL].map(model_rank), _rank=rank)
    ranked = ranked.sort_values(["_model", "_rank", VARIANT], kind="stable")
    return ranked[list(TABLE_5_COLUMNS)].reset_index(drop=True)


def _published(table: int, data_set: str | None) -> pd.DataFrame:
    """The paper's values for variants, with those of Table 1 for the whole model."""
    whole = published_values(1, data_set)
    whole = whole[(whole[MODEL] == "tfpnet") & (whole[METRIC] == "accuracy")]
    return pd.concat([whole, published_values(table, data_set)], ignore_index=True)


def _variants(
    metrics: pd.DataFrame, comparisons: pd.DataFrame, published: pd.DataFrame, of_parameters: bool
) -> pd.DataFrame:
    """Whole models and their variants of one kind, on all test events and new entities: measured beside published."""
    rows = metrics[metrics[PROTOCOL] == main_protocol(metrics)]
    varied = rows[(rows[VARIANT] != MAIN_VARIANT) & (rows[VARIANT].str.contains("=", regex=False) == of_parameters)]
    runs = [MODEL, PROTOCOL, FOLD, SEED]
    whole = rows[rows[VARIANT] == MAIN_VARIANT].merge(varied[runs].drop_duplicates(), on=runs)
    summary = summarise(pd.concat([whole, varied], ignore_index=True))
    keys = [MODEL, VARIANT]

    def of(metric: str, slice_name: str) -> pd.DataFrame:
        return summary[(summary[METRIC] == metric) & (summary[SLICE] == slice_name)].set_index(keys)

    accuracy = published[published[METRIC] == "accuracy"].set_index(keys)[_PUBLISHED]
    found = pd.concat([accuracy.reset_index()[keys], summary[keys]]).drop_duplicates()
    table = found.set_index(keys).join(accuracy)
    for name in ("macro_f1", "accuracy"):
        measured = of(name, SLICE_ALL).rename(columns={"mean": name, "std": f"{name}_std", "n_high": N})
        table = table.join(measured[[name, f"{name}_std", *([N, "runs"] if name == "macro_f1" else [])]])
    for name in COLD_SLICES:
        measured = of("macro_f1", name).rename(columns={"mean": name, "std": f"{name}_std", "n_high": f"{name}_n"})
        table = table.join(measured[[name, f"{name}_std", f"{name}_n"]])
    table["runs"] = table["runs"].fillna(0)
    table = table.join(_differences(comparisons, main_protocol(metrics))).reset_index()
    mains = table[table[VARIANT] == MAIN_VARIANT].set_index(MODEL)["macro_f1"]
    plain = table["macro_f1"] - table[MODEL].map(mains).astype("float64")
    table["difference"] = table["difference"].fillna(plain.where(table[VARIANT] != MAIN_VARIANT))
    return table


def _differences(comparisons: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Paired differences in macro-F1 on all test events, variant less whole model, by model and variant."""
    at = comparisons[
        (comparisons[SLICE] == SLICE_ALL) & (comparisons[METRIC] == "macro_f1") & (comparisons[PROTOCOL] == protocol)
    ]
    models = list(dict.fromkeys([*FOCUS, *at[MODEL]]))
    rows = pd.concat([variant_differences(at, model) for model in models])
    return rows.drop_duplicates([MODEL, VARIANT]).set_index([MODEL, VARIANT])[_DIFFERENCE]
