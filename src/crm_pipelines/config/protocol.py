"""How data are split and encoded, and which runs a benchmark consists of."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from crm_pipelines.config.base import Parameters, Words, words


class FoldParameters(Parameters):
    """How records are split; the classes keep their shares in every part of a shuffled fold.

    Attributes:
        folds: of the shuffled, stratified cross-validation.
        validation_share: share of the training folds kept for validation.
        history_share: share of dated or ordered records, by time, before the cut of the protocol ``time``.
        time_validation_share: share of that history, its last records, kept for validation.
        seed: shuffles the records.
        minimum: fewest records in all, and fewest of each class, else the run stops.
        leak_auc: area under the ROC curve from which a single column stops the run, for it must hold the outcome.
        leaks: add the labelled rows that show what a leak would fake.
    """

    folds: int = Field(default=5, ge=2, le=20)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    history_share: float = Field(default=0.8, gt=0, lt=1)
    time_validation_share: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 42
    minimum: dict[Literal["records", "class"], int] = {"records": 100, "class": 15}
    leak_auc: float = Field(default=0.98, gt=0.5, le=1)
    leaks: bool = True


class SequenceParameters(Parameters):
    """How sequences of items are split.

    Attributes:
        history_share: protocol ``time``: share of events, by time, before the cut.
        time_validation_share: share of that history, its last events, kept for validation.
        validation_share: other protocols: share of customers whose last known events are kept for validation.
        validation_events: most of them of one customer.
        most_plans: most test targets from which a plan of three steps is drawn, the same for every model.
        seed: draws the customers.
    """

    history_share: float = Field(default=0.8, gt=0, lt=1)
    time_validation_share: float = Field(default=0.1, gt=0, lt=1)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    validation_events: int = Field(default=10, ge=1)
    most_plans: int = Field(default=5000, ge=1)
    seed: int = 42


class SplitParameters(Parameters):
    """The time split (protocol of the evaluation).

    Attributes:
        history_share: share of events, by time, before the last cut; the rest is test.
        validation_share: share of history, its last events, kept for validation.
        folds: rolling origins; the last fold is the global cut, each earlier one starts ``fold_step`` of the
            events before the next and is tested up to it.
        held_out_share: share of entities whose past is withheld in the ``held_out`` protocol.
        held_out_below: number of queries under which a side gets the ``held_out`` protocol.
        minimum: fewest labelled events each part must hold, else the run stops.
        seed: draws the withheld entities.
    """

    history_share: float = Field(default=0.8, gt=0, lt=1)
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    folds: int = Field(default=1, ge=1, le=5)
    fold_step: float = Field(default=0.1, gt=0, lt=0.2)
    held_out_share: float = Field(default=0.2, gt=0, lt=1)
    held_out_below: int = Field(default=100, ge=0)
    minimum: dict[Literal["train", "validation", "test"], int] = {"train": 200, "validation": 30, "test": 30}
    seed: int = 42


class FeatureParameters(Parameters):
    """Which events of a log get features of their own; all others are history.

    Attributes:
        everything_up_to: events of a log up to which all of them do.
        training_events: of a longer log only validation and test parts do, and the latest so many events of each
            fold's training part, which are then what is trained on.
    """

    everything_up_to: int = Field(default=2_000_000, ge=0)
    training_events: int = Field(default=1_000_000, ge=1)


class EncodingParameters(Parameters):
    """How attributes and texts become numbers; everything is fitted on the training part.

    Attributes:
        max_categories: most frequent training categories that get a one-hot column; the rest share one.
        tfidf_vocabulary, tfidf_min_df, tfidf_max_df: the TF-IDF of past texts (unigrams, stop words kept).
        text_dimensions: width to which the TF-IDF space is projected (truncated SVD) for dense models.
        scaling: ``train`` fits ranges on the training part; ``entire`` on all data, as paper A does (a leak).
        segments: clusters of recency, frequency and value among training customers.
        seed: of the projection and the clustering.
    """

    max_categories: int = Field(default=50, ge=1)
    tfidf_vocabulary: int = Field(default=50_000, ge=1)
    tfidf_min_df: int = Field(default=5, ge=1)
    tfidf_max_df: float = Field(default=0.9, gt=0, le=1)
    text_dimensions: int = Field(default=16, ge=1)
    scaling: Literal["train", "entire"] = "train"
    segments: int = Field(default=4, ge=1)
    seed: int = 42


class RunParameters(Parameters):
    """Which runs a benchmark consists of: every model x protocol x fold x seed.

    Attributes:
        seeds: one run each.
        processes: runs scored side by side.
        threads: CPU threads used for training; 1 for reproducible sums across machines with other core counts.
        resamples: bootstrap resamples of customers.
        timed_calls: calls by which each latency is measured.
        models: the models to run, a list or names with spaces between them; all where empty.
        studies: series of variants to run beside the main one, for models that have them, on the last fold in time;
            a list or names with spaces between them.
    """

    seeds: tuple[int, ...] = (42,)
    processes: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    resamples: int = Field(default=1000, ge=100)
    timed_calls: int = Field(default=20, ge=1)
    models: Words = ()
    studies: Annotated[tuple[Literal["ablation", "sensitivity"], ...], BeforeValidator(words)] = ()
