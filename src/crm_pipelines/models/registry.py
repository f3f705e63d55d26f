"""Every model by its name. Classes come from this table, never from a name found in a file."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Final

from crm_pipelines.errors import UserError
from crm_pipelines.models.behaviour.base import BehaviourModel
from crm_pipelines.models.risk.base import RiskModel
from crm_pipelines.models.sequence.base import SequenceModel
from crm_pipelines.models.text.base import TextModel

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
_SUPPORTED_BY_THE_PAST: Final = ("tfpnet", "tfpnet_plus")

_RISK: Final = {
    "majority": ("majority", "Majority"),
    "logistic_regression": ("logistic_regression", "LogisticRegression"),
    "decision_tree": ("decision_tree", "DecisionTree"),
    "random_forest": ("random_forest", "RandomForest"),
    "lightgbm": ("lightgbm", "LightGBM"),
    "xgboost": ("xgboost", "XGBoost"),
    "bgnbd": ("bgnbd", "BGNBD"),
    "cnn": ("cnn", "CNN"),
    "lstm": ("lstm", "LSTM"),
    "qrcnn_lstm": ("qrcnn_lstm", "QRCNNLSTM"),
    "qrcnn_lstm_plus": ("qrcnn_lstm_plus", "QRCNNLSTMPlus"),
    "churn_transformer": ("churn_transformer", "ChurnTransformer"),
    "churn_transformer_plus": ("churn_transformer_plus", "ChurnTransformerPlus"),
    "rfm_rules": ("rfm_rules", "RFMRules"),
    "rfm_logistic": ("rfm_logistic", "RFMLogistic"),
    "svm": ("svm", "SVM"),
    "hybrid": ("hybrid", "Hybrid"),
    "hybrid_plus": ("hybrid_plus", "HybridPlus"),
}
"""name -> (module, class) below ``models.risk``."""

_CHURN_ONLY: Final = ("churn_transformer", "churn_transformer_plus")
_PURCHASE_ONLY: Final = ("rfm_rules", "rfm_logistic", "svm", "hybrid", "hybrid_plus")
RISK_MODELS: Final = tuple(name for name in _RISK if name not in (*_CHURN_ONLY, *_PURCHASE_ONLY))
"""Models of paper C's benchmark."""
CHURN_MODELS: Final = ("majority", "logistic_regression", "lightgbm", "xgboost", "bgnbd", *_CHURN_ONLY)
"""Models of the risk of churn, paper B's benchmark: the same contract, on the same tables."""
PURCHASE_MODELS: Final = (
    *("majority", "rfm_rules", "rfm_logistic", "bgnbd", "decision_tree", "svm", "logistic_regression", "lightgbm"),
    *("hybrid", "hybrid_plus"),
)
"""Models of a purchase, paper D's benchmark: the same contract, on the same kind of tables."""
LEAKY_ROWS: Final = {"lightgbm_leaky": "lightgbm", "random_forest_leaky": "random_forest"}
"""Row of risk that shows what a leak would fake -> the model it fits."""
RISK_ROWS: Final = (*RISK_MODELS, *LEAKY_ROWS)

_CODE_OF_MODELS: Final = ("crm_pipelines.models", "crm_pipelines.training")
"""Modules whose code counts as a model's own."""


_SEQUENCE: Final = {
    "popularity": ("popularity", "Popularity"),
    "markov": ("markov", "Markov"),
    "ease": ("ease", "EASE"),
    "item_knn": ("item_knn", "ItemKNN"),
    "sasrec": ("sasrec", "SASRec"),
    "sequence_transformer": ("sequence_transformer", "SequenceTransformer"),
    "sequence_transformer_plus": ("sequence_transformer_plus", "SequenceTransformerPlus"),
}
"""name -> (module, class) below ``models.sequence``."""

SEQUENCE_MODELS: Final = tuple(_SEQUENCE)

_TEXT: Final = {
    "majority": ("majority", "Majority"),
    "vader": ("vader", "Vader"),
    "svm": ("svm", "SVM"),
    "tfidf_logistic": ("tfidf_logistic", "TfidfLogistic"),
    "cnn_gru": ("cnn_gru", "CNNGRU"),
    "cnn_gru_plus": ("cnn_gru_plus", "CNNGRUPlus"),
}
"""name -> (module, class) below ``models.text``."""

TEXT_MODELS: Final = tuple(_TEXT)

_PRODUCT: Final = {
    "popularity": ("sequence.popularity", "Popularity"),
    "segment_popularity": ("recommendation.segment_popularity", "SegmentPopularity"),
    "item_cf": ("sequence.item_knn", "ItemKNN"),
    "trust_cf": ("recommendation.trust_cf", "TrustCF"),
    "matrix_factorisation": ("recommendation.matrix_factorisation", "MatrixFactorisation"),
    "ease": ("sequence.ease", "EASE"),
    "lightgcn": ("recommendation.lightgcn", "LightGCN"),
    "sasrec": ("sequence.sasrec", "SASRec"),
    "dlrm": ("recommendation.dlrm", "DLRM"),
    "product_transformer": ("recommendation.product_transformer", "ProductTransformer"),
    "product_transformer_plus": ("recommendation.product_transformer_plus", "ProductTransformerPlus"),
}
"""name -> (module, class) below ``models``: which product next, by the contract of models of the next item."""

PRODUCT_MODELS: Final = tuple(_PRODUCT)


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


def reads_past_features(name: str) -> bool:
    """Whether a behaviour model, when it predicts, reads features of events other than those asked about."""
    return name in _SUPPORTED_BY_THE_PAST


def risk_model(name: str) -> type[RiskModel]:
    """The class of a risk model.

    Raises:
        UserError: there is no model of that name.
    """
    if name not in _RISK:
        raise UserError(f"there is no risk model '{name}'; known are {', '.join(_RISK)}")
    module, attribute = _RISK[name]
    model: type[RiskModel] = getattr(import_module(f"crm_pipelines.models.risk.{module}"), attribute)
    return model


def sequence_model(name: str) -> type[SequenceModel]:
    """The class of a model of the next item.

    Raises:
        UserError: there is no model of that name.
    """
    if name not in _SEQUENCE:
        raise UserError(f"there is no model of the next item '{name}'; known are {', '.join(SEQUENCE_MODELS)}")
    module, attribute = _SEQUENCE[name]
    model: type[SequenceModel] = getattr(import_module(f"crm_pipelines.models.sequence.{module}"), attribute)
    return model


def text_model(name: str) -> type[TextModel]:
    """The class of a model of sentiment.

    Raises:
        UserError: there is no model of that name.
    """
    if name not in _TEXT:
        raise UserError(f"there is no text model '{name}'; known are {', '.join(TEXT_MODELS)}")
    module, attribute = _TEXT[name]
    model: type[TextModel] = getattr(import_module(f"crm_pipelines.models.text.{module}"), attribute)
    return model


def product_model(name: str) -> type[SequenceModel]:
    """The class of a recommender.

    Raises:
        UserError: there is no model of that name.
    """
    if name not in _PRODUCT:
        raise UserError(f"there is no recommender '{name}'; known are {', '.join(PRODUCT_MODELS)}")
    module, attribute = _PRODUCT[name]
    model: type[SequenceModel] = getattr(import_module(f"crm_pipelines.models.{module}"), attribute)
    return model


def code_of(name: str) -> tuple[str, ...]:
    """Files below the package that determine what a behaviour model does, for `runs.code_version`.

    A model's runs stay valid when another model, or a layer it does not use, is added or changed.
    """
    return _code("behaviour", _BEHAVIOUR[name][0])


def risk_code_of(name: str) -> tuple[str, ...]:
    """The same of a risk model."""
    return _code("risk", _RISK[name][0])


def sequence_code_of(name: str) -> tuple[str, ...]:
    """The same of a model of the next item."""
    return _code("sequence", _SEQUENCE[name][0])


def text_code_of(name: str) -> tuple[str, ...]:
    """The same of a model of sentiment."""
    return _code("text", _TEXT[name][0])


def product_code_of(name: str) -> tuple[str, ...]:
    """The same of a recommender."""
    family, module = _PRODUCT[name][0].split(".")
    return _code(family, module)


def _code(family: str, module: str) -> tuple[str, ...]:
    """A model's file and what it imports of models and training, directly and through others."""
    package = Path(__file__).parent.parent
    found: set[Path] = set()
    unread = [package / "models" / family / f"{module}.py"]
    while unread:
        path = unread.pop()
        found.add(path)
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                names = (statement.module, *(f"{statement.module}.{each.name}" for each in statement.names))
                files = {package.parent.joinpath(*name.split(".")).with_suffix(".py") for name in names}
                if statement.module.startswith(_CODE_OF_MODELS):
                    unread += sorted(file for file in files - found if file.is_file())
    return tuple(path.relative_to(package).as_posix() for path in sorted(found))
