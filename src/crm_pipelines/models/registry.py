"""Every model by its name. Classes come from this table, never from a name found in a file."""

from importlib import import_module
from typing import Final

from crm_pipelines.errors import UserError
from crm_pipelines.models.behaviour.base import BehaviourModel

_BEHAVIOUR: Final = {
    "tfpnet": ("tfpnet", "TFPNet"),
    "tfpnet_plus": ("tfpnet_plus", "TFPNetPlus"),
    "gnn": ("gnn", "GNN"),
    "spectral_gcn": ("spectral_gcn", "SpectralGCN"),
    "frangos": ("frangos", "Frangos"),
    "dgn_jbp": ("dgn_jbp", "DGNJBP"),
    "qrcnn_lstm": ("qrcnn_lstm", "QRCNNLSTM"),
    "gace": ("gace", "GACE"),
    "coldguess": ("coldguess", "ColdGuess"),
    "deepfm": ("deepfm", "DeepFMModel"),
    "gru": ("gru", "GRUModel"),
    "majority": ("counts", "Majority"),
    "last_behaviour": ("counts", "LastBehaviour"),
    "logistic_regression": ("logistic_regression", "LogisticRegression"),
    "lightgbm": ("lightgbm", "LightGBM"),
}
"""name -> (module, class) below ``models.behaviour``; imported when asked for, since torch takes seconds."""

BEHAVIOUR_MODELS: Final = tuple(_BEHAVIOUR)


def behaviour_model(name: str) -> type[BehaviourModel]:
    """The class of a behaviour model.

    Raises:
        UserError: there is no model of that name.
    """
    if name not in _BEHAVIOUR:
        raise UserError(f"there is no behaviour model '{name}'; known are {', '.join(BEHAVIOUR_MODELS)}")
    module, attribute = _BEHAVIOUR[name]
    model: type[BehaviourModel] = getattr(import_module(f"crm_pipelines.models.behaviour.{module}"), attribute)
    return model


def code_of(name: str) -> tuple[str, ...]:
    """Files and folders below the package that determine what a behaviour model does, for `runs.code_version`.

    A model's runs stay valid when another model is added or changed; a ``_plus`` depends on what it improves.
    """
    modules = {_BEHAVIOUR[model][0] for model in (name, name.removesuffix("_plus"))}
    frame = ("base", "neural", "graph")
    return ("models/layers", "training", *(f"models/behaviour/{module}.py" for module in (*frame, *sorted(modules))))
