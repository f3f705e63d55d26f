"""How models, metrics and slices are called on the page: labels, order, direction, number format, colour."""

from dataclasses import dataclass
from typing import Final

from crm_pipelines.columns import CUSTOMER, SHOTS, SIDES, SLICE_ALL, SLICE_WARM, cold_slice


@dataclass(frozen=True)
class ModelName:
    """A model as readers see it.

    Attributes:
        label: its name in print.
        family: ``paper`` (the paper's own), ``baseline`` (what the paper compares with) or ``peer``.
        hue: colour angle in degrees; the page and the figures use it for this model everywhere.
        about: one line for the glossary.
    """

    label: str
    family: str
    hue: int
    about: str


MODELS: Final = {
    "tfpnet": ModelName("TFP-Net", "paper", 206, "Temporal graph attention, DeepFM and prototypes, trained jointly."),
    "tfpnet_plus": ModelName("TFP-Net+", "paper", 236, "TFP-Net with improvements of this project."),
    "gnn": ModelName("GNN", "baseline", 28, "Message passing on the customer-item graph."),
    "spectral_gcn": ModelName("Spectral GCN", "baseline", 46, "Chebyshev filters on the customer-item graph."),
    "frangos": ModelName("Frangos & O'Shea", "baseline", 75, "Graph centralities and a linear model."),
    "dgn_jbp": ModelName("DGN-JBP", "baseline", 350, "Customer-item and customer-customer graph networks, jointly."),
    "qrcnn_lstm": ModelName("QRCNN-LSTM", "baseline", 318, "Convolution, quantile heads and an LSTM on the sequence."),
    "gace": ModelName("GACE", "baseline", 8, "Graph attention."),
    "coldguess": ModelName("ColdGuess", "baseline", 292, "A relational graph convolution network."),
    "majority": ModelName("Majority class", "peer", 0, "Always the most frequent class of the training part."),
    "last_behaviour": ModelName("Last behaviour", "peer", 240, "Repeats what the customer did last."),
    "logistic_regression": ModelName("Logistic regression", "peer", 150, "Linear, on the shared features."),
    "lightgbm": ModelName("LightGBM", "peer", 112, "Boosted trees on the shared features."),
    "xgboost": ModelName("XGBoost", "peer", 90, "Boosted trees on the shared features."),
    "random_forest": ModelName("Random forest", "peer", 64, "Averaged trees on the shared features."),
    "deepfm": ModelName("DeepFM", "peer", 172, "Factorisation machine and a network on the shared features."),
    "gru": ModelName("GRU", "peer", 272, "A recurrent network over the event sequence."),
    "qrcnn_lstm_plus": ModelName("QRCNN-LSTM+", "paper", 300, "QRCNN-LSTM with improvements of this project."),
    "decision_tree": ModelName("Decision tree", "peer", 38, "One pruned tree on the columns of a record."),
    "cnn": ModelName("CNN", "peer", 190, "Convolutions over a record's sequence."),
    "lstm": ModelName("LSTM", "peer", 220, "A recurrent network over a record's sequence."),
    "bgnbd": ModelName("BG/NBD", "peer", 16, "Purchase and drop-out rates from recency, frequency and age alone."),
    "sequence_transformer": ModelName("Sequence Transformer", "paper", 206, "A small causal transformer over items."),
    "sequence_transformer_plus": ModelName(
        "Sequence Transformer+", "paper", 236, "Larger causal transformers, a Markov chain and EASE, pooled."
    ),
    "churn_transformer": ModelName("Churn Transformer", "paper", 318, "A small bidirectional transformer."),
    "churn_transformer_plus": ModelName(
        "Churn Transformer+", "paper", 292, "Churn Transformers, boosted trees and a linear model, averaged."
    ),
    "sasrec": ModelName("SASRec", "peer", 172, "Self-attention over items, one negative a step."),
    "markov": ModelName("Markov chain", "peer", 28, "What followed the last three items of others."),
    "ease": ModelName("EASE", "peer", 112, "A linear auto-encoder over items in closed form."),
    "item_knn": ModelName("Item-kNN", "peer", 75, "Items near those of the history, by cosine."),
    "popularity": ModelName("Popularity", "peer", 0, "What is chosen most often, for everybody."),
    "hybrid": ModelName("Hybrid", "paper", 206, "History to a CNN, events to an RNN, text profile projected; fused."),
    "hybrid_plus": ModelName("Hybrid+", "paper", 236, "Hybrids, boosted trees and a linear model, averaged."),
    "rfm_rules": ModelName("RFM rules", "baseline", 28, "Quintile scores of recency, frequency and value, added up."),
    "rfm_logistic": ModelName("Logistic RFM", "peer", 130, "Linear in recency, frequency, value and their logarithms."),
    "cnn_gru": ModelName("CNN-GRU", "paper", 206, "Convolutions and a recurrent network over word vectors."),
    "cnn_gru_plus": ModelName(
        "CNN-GRU+",
        "paper",
        236,
        "CNN-GRUs and linear models on n-grams and a lexicon, cross-fitted, under a judge.",
    ),
    "tfidf_logistic": ModelName(
        "TF-IDF + logistic", "peer", 150, "Balanced logistic regression on word and character n-grams."
    ),
    "svm": ModelName("SVM", "peer", 38, "Support vectors: linear on words, with a Gaussian kernel on records."),
    "vader": ModelName("VADER", "peer", 112, "A lexicon with rules; classes by its score."),
    "bilstm_crf": ModelName("BiLSTM-CRF", "paper", 206, "A recurrent network and features under a CRF, for entities."),
    "capital_rule": ModelName("Capitals and lists", "peer", 0, "Runs of capitalised words, typed by lists."),
    "product_transformer": ModelName(
        "Product Transformer",
        "paper",
        206,
        "Transformer over products held, pre-trained elsewhere, and graph attention.",
    ),
    "product_transformer_plus": ModelName(
        "Product Transformer+", "paper", 236, "Product Transformers, counts and linear item models, pooled by history."
    ),
    "segment_popularity": ModelName("Popularity by segment", "peer", 240, "What customers alike take most often."),
    "item_cf": ModelName("Item-CF", "peer", 75, "Products near those held, by cosine."),
    "trust_cf": ModelName("Trust-aware CF", "peer", 46, "What those hold whose choices agree with one's own."),
    "matrix_factorisation": ModelName("Matrix factorisation", "peer", 150, "Implicit alternating least squares."),
    "lightgcn": ModelName("LightGCN", "peer", 28, "Embeddings propagated along the customer-product graph."),
    "dlrm": ModelName("DLRM, two towers", "peer", 292, "Attributes and bags of products, matched by inner products."),
    "lightgbm_leaky": ModelName(
        "LightGBM, leaky", "peer", 112, "Wrong on purpose: given columns known only after the outcome."
    ),
    "random_forest_leaky": ModelName(
        "Random forest, leaky", "peer", 64, "Wrong on purpose: records of the rarer class repeated before the split."
    ),
}
"""Known models in the order of the page; others follow in alphabetical order."""

FOCUS: Final = ("tfpnet", "tfpnet_plus")
"""Models whose comparison with every peer is the headline, the first that was run."""

FOCUS_OF: Final = {
    "coldstart": FOCUS,
    "risk": ("qrcnn_lstm", "qrcnn_lstm_plus"),
    "engagement": (
        "sequence_transformer",
        "sequence_transformer_plus",
        "churn_transformer",
        "churn_transformer_plus",
    ),
    "profile": ("hybrid", "hybrid_plus"),
    "feedback": ("cnn_gru", "cnn_gru_plus"),
    "recommendation": ("product_transformer", "product_transformer_plus"),
}
"""The same by pipeline."""

SOURCE_ORDER: Final = (
    *("demo", "taobao", "amazon_instruments", "amazon_all_beauty", "movielens", "beauty_sequences"),
    *("credit", "telco", "retail", "bank", "bank_additional", "santander", "fprt", "market"),
    *("womens_clothing", "airline_tweets", "wnut17"),
)

GREY_MODELS: Final = ("majority", "popularity", "last_behaviour", "lightgbm_leaky", "random_forest_leaky")
"""Rules of thumb are drawn in grey."""


@dataclass(frozen=True)
class MetricName:
    """A number as readers see it.

    Attributes:
        label: column heading.
        digits: decimals shown; -1 for large counts (shortened with k, M, G).
        lower_is_better: direction in which the best value is sought; None where neither end is better.
        about: one sentence for the glossary.
    """

    label: str
    digits: int = 3
    lower_is_better: bool | None = False
    about: str = ""


METRICS: Final = {
    "macro_f1": MetricName(
        "Macro-F1", about="F1 of each class, averaged with equal weight: rare classes count as much."
    ),
    "macro_f1_argmax": MetricName("Macro-F1, no rule", about="Macro-F1 of naming the most probable class."),
    "accuracy": MetricName("Accuracy", about="Share of cases whose class is predicted. Read it beside the majority's."),
    "majority_accuracy": MetricName(
        "Majority's acc.", lower_is_better=None, about="Accuracy of always naming the most frequent training class."
    ),
    "balanced_accuracy": MetricName("Balanced acc.", about="Recall of each class, averaged with equal weight."),
    "precision": MetricName(
        "Precision", about="Of the cases called a class, the share that is; classes weighted by size, of two the last."
    ),
    "recall": MetricName(
        "Recall",
        about="Of the cases of a class, the share found; as precision, so with three classes or more it is accuracy.",
    ),
    "f1": MetricName("F1", about="Harmonic mean of precision and recall of a class; averaged as precision."),
    "roc_auc": MetricName(
        "ROC AUC", about="Chance that a case of a class is ranked above one of another; 0.5 is a coin."
    ),
    "average_precision": MetricName(
        "Avg. precision", about="Area under precision against recall; averaged as ROC AUC."
    ),
    "group_fairness": MetricName(
        "Group fairness",
        digits=1,
        lower_is_better=None,  # a model equally bad for all has the best one
        about="100 x lowest / highest macro-F1 among groups, of the worst axis; 100 means equal.",
    ),
    **{
        f"hr@{k}": MetricName(f"HR@{k}", about=f"Share of events whose item is among the first {k} of all items.")
        for k in (1, 5, 10, 20)
    },
    "ndcg@10": MetricName("NDCG@10", about="The same, an item at rank r counting 1 / log2(r + 1)."),
    **{
        f"recall@{k}": MetricName(f"Recall@{k}", about=f"Share of the products taken that are among the first {k}.")
        for k in (5, 10, 20)
    },
    "map@7": MetricName(
        "MAP@7", about="Mean average precision of the first seven, as the Santander competition had it."
    ),
    "coverage@10": MetricName(
        "Coverage@10", lower_is_better=None, about="Share of all products that are on somebody's list of ten."
    ),
    "novelty@10": MetricName(
        "Novelty@10", 2, None, "Mean surprise (bits) at a listed product, by how often it is taken by all."
    ),
    "popularity_divergence": MetricName(
        "Popularity gap",
        3,
        True,
        "How far lists are from what is taken in their shares of head, middle and tail; bits.",
    ),
    "pair_precision": MetricName(
        "Precision, 1:1",
        about="Of the pairs called wanted, among as many sampled products as taken ones, the right ones.",
    ),
    "pair_recall": MetricName("Recall, 1:1", about="Of the taken products, those called wanted."),
    "pair_f1": MetricName("F1, 1:1", about="Of both; to call every pair wanted has .667."),
    "mrr": MetricName("MRR", about="Mean of one over the rank of the true item among all items."),
    "item_log_loss": MetricName(
        "Item log-loss", 3, True, "Mean surprise at the true item; ln of the number of items is chance."
    ),
    **{
        f"{metric}_chance": MetricName(
            f"{label} by chance", 4, None, "What a random order of all items is expected to reach."
        )
        for metric, label in (("hr@10", "HR@10"), ("ndcg@10", "NDCG@10"), ("recall@10", "Recall@10"))
    },
    "plan_accuracy": MetricName("Plan accuracy", 4, about="Share of plans of which every step is the true item."),
    "plan_accuracy_chance": MetricName("Plan accuracy by chance", 10, None),
    "plan_items_found": MetricName("Items found", about="Share of a plan's true items that are somewhere in the plan."),
    "plan_items_found_chance": MetricName("Items found by chance", 4, None),
    "log_loss": MetricName(
        "Log-loss", lower_is_better=True, about="Mean surprise at the true class; punishes false certainty."
    ),
    "brier": MetricName(
        "Brier", lower_is_better=True, about="Mean squared distance of the probabilities from what happened, 0 to 2."
    ),
    "ece": MetricName(
        "ECE", lower_is_better=True, about="Mean gap between stated and observed frequency, in bins of equal size."
    ),
    "log_loss_uncalibrated": MetricName("Log-loss before", 3, True, "Log-loss before temperature scaling."),
    "ece_uncalibrated": MetricName("ECE before", 3, True, "ECE before temperature scaling."),
    "seconds_per_epoch_batch_32": MetricName(
        "s / epoch, batch 32", 1, True, "One pass over the training part at the paper's batch, from a few steps."
    ),
    "training_events_per_second_batch_32": MetricName(
        "Training cases / s, batch 32", -1, about="Throughput in training at the paper's batch."
    ),
    "seconds_per_epoch": MetricName(
        "s / epoch, own batch", 2, lower_is_better=True, about="One pass over the training part, as configured."
    ),
    "training_events_per_second": MetricName("Training cases / s, own batch", -1, about="Throughput in training."),
    "latency_features_p50_ms": MetricName("Features p50 ms", 1, True, "Building the inputs of 2,048 cases, median."),
    "latency_features_p95_ms": MetricName("Features p95 ms", 1, True, "The same, 95th percentile."),
    "latency_forward_p50_ms": MetricName("Forward p50 ms", 1, True, "The model alone on 2,048 cases, median."),
    "latency_forward_p95_ms": MetricName("Forward p95 ms", 1, True, "The same, 95th percentile."),
    "latency_end_to_end_p50_ms": MetricName("End to end p50 ms", 1, True, "Inputs and model for 2,048 cases, median."),
    "latency_end_to_end_p95_ms": MetricName("End to end p95 ms", 1, True, "The same, 95th percentile."),
    "inference_seconds": MetricName(
        "Inference s", 1, True, "As the paper has it; it does not say for how many customers."
    ),
    "inference_events_per_second": MetricName("Inference cases / s", -1, about="Throughput end to end."),
    "fit_seconds": MetricName("Fit s", 1, True, "The whole fit, validation included."),
    "parameters": MetricName("Parameters", -1, lower_is_better=True, about="Numbers the model learns."),
    "peak_rss_mb": MetricName("Peak memory MB", 0, True, "Highest memory of the whole process while fitting."),
    "peak_gpu_mb": MetricName("Peak GPU MB", 0, True, "Highest memory held on the GPU while fitting."),
    "peak_memory_mb": MetricName("Peak memory MB", 0, True, "Highest memory in use while fitting."),
    "flops_per_event": MetricName(
        "FLOPs / event", -1, lower_is_better=True, about="Floating-point operations for one prediction."
    ),
}

PERFORMANCE_METRICS: Final = (
    "macro_f1",
    "accuracy",
    "majority_accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "group_fairness",
    "macro_f1_argmax",
    "hr@10",
    "recall@10",
    "ndcg@10",
    "map@7",
)
CALIBRATION_METRICS: Final = ("log_loss", "brier", "ece", "log_loss_uncalibrated", "ece_uncalibrated")
EFFICIENCY_METRICS: Final = tuple(METRICS)[list(METRICS).index("seconds_per_epoch_batch_32") :]

CLASS_AUC: Final = "roc_auc["
"""Metrics of one class against the rest are called ``roc_auc[<class>]``."""

PIPELINE_TITLES: Final = {
    "coldstart": "Behaviour prediction and cold start (paper A, TFP-Net)",
    "risk": "Risk (paper C, QRCNN-LSTM with cross-attention)",
    "engagement": "Engagement plans (paper B, Sequence Transformer and Churn Transformer)",
    "profile": "Customer profiles and purchases (paper D, hybrid network)",
    "feedback": "What customers say (paper D, sentiment, entities and themes)",
    "recommendation": "Which product next (paper E, Transformer, transfer learning and graph attention)",
}


def metric_name(metric: str) -> MetricName:
    """Label, format and direction of a metric; a plain reading of the name for one that is not known."""
    if metric.startswith(CLASS_AUC):
        return MetricName(metric.removeprefix(CLASS_AUC).removesuffix("]"))
    return METRICS.get(metric, MetricName(metric.replace("_", " ")))


def model_label(model: str, variant: str = "main") -> str:
    """A model's name in print, its variant behind a comma unless it is the main one."""
    label = MODELS[model].label if model in MODELS else model.replace("_", " ")
    return label if variant == "main" else f"{label}, {variant.replace('_', ' ')}"


def model_colour(model: str) -> tuple[int, int]:
    """Hue in degrees and saturation in percent of a model's colour; grey for rules and unknown models."""
    if model not in MODELS or model in GREY_MODELS:
        return 220, 8
    return MODELS[model].hue, 58 if MODELS[model].family != "paper" else 78


def model_rank(model: str) -> tuple[int, str]:
    """Sort key: known models in the order of ``MODELS``, then the others by name."""
    known = list(MODELS)
    return (known.index(model) if model in MODELS else len(known), model)


def source_rank(source: str) -> tuple[int, str]:
    """Sort key: known sources in the order of ``SOURCE_ORDER``, then the others by name."""
    return (SOURCE_ORDER.index(source) if source in SOURCE_ORDER else len(SOURCE_ORDER), source)


def cases(pipeline: str) -> str:
    """What a pipeline predicts one by one, in the plural."""
    return {"risk": "records", "profile": "records", "feedback": "documents"}.get(pipeline, "events")


def slice_label(name: str) -> str:
    """A slice in words: ``cold_item@1`` is ``new item, k = 1``."""
    if name == SLICE_ALL:
        return "whole test part"
    if name == SLICE_WARM:
        return "warm"
    if name.startswith("plan_step_"):
        return f"step {name.removeprefix('plan_step_')} of the plan"
    for side in SIDES:
        if name.startswith(cold_slice(side, 0)[:-1]):
            return f"new {side}, k = {name.rpartition('@')[2]}"
    return name.replace("_", " ")


def protocol_label(protocol: str) -> str:
    """A protocol in words."""
    known = {
        "time": "time cut",
        "held_out": "held-out entities",
        "stratified": "shuffled stratified folds",
        "leave_last_out": "last item of each customer",
        "leave_last_three": "last three items of each customer",
        "leak_column": "given columns known only afterwards",
        "leak_oversampling": "records repeated before the split",
    }
    return known.get(protocol, protocol.replace("_", " "))


def slice_rank(name: str) -> tuple[int, str]:
    """Sort key: all, warm, customers by shots, items by shots, others by name."""
    order = [SLICE_ALL, SLICE_WARM, *(cold_slice(side, k) for side in SIDES for k in sorted({*SHOTS, 3}))]
    return (order.index(name) if name in order else len(order), name)


SIDE_LABELS: Final = {side: "New customers" if side == CUSTOMER else "New items" for side in SIDES}
