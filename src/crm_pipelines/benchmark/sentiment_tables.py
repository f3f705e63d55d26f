"""Sentiment by class, confusion, and words behind a decision: from stored runs and one fitted model."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    FOLD,
    MAIN_VARIANT,
    MODEL,
    PROTOCOL,
    PROTOCOL_STRATIFIED,
    SEED,
    SLICE,
    SLICE_ALL,
    VARIANT,
    Y_TRUE,
)
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.evaluation.calibration import log_probabilities
from crm_pipelines.evaluation.confusion import confusion_counts
from crm_pipelines.evaluation.predictions import DECIDED, class_codes, classes_of
from crm_pipelines.evaluation.rules import with_decisions
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun
from crm_pipelines.text.normalise import tokenise

CLASS_COLUMNS: Final = (MODEL, FOLD, SEED, "class", "precision", "recall", "f1", "n")
CONFUSION_COLUMNS: Final = (MODEL, "class", "decided", "n")
WORD_COLUMNS: Final = ("document", MODEL, Y_TRUE, "decided", "probability", "position", "word", "weight")
MOST_WORDS: Final = 60
"""Words of a document whose part in the decision is measured."""


def class_tables(runs: Iterable[StoredRun]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Precision, recall and F1 of each class by run, and confusion counts by model over all shuffled folds.

    Decisions follow the rule that each run chose on validation.
    """
    rows, confusion = [], []
    for run in runs:
        manifest = run.manifest
        if NOT_APPLICABLE in manifest or (manifest[VARIANT], manifest[PROTOCOL]) != (MAIN_VARIANT, PROTOCOL_STRATIFIED):
            continue
        predictions = run.predictions()
        decided = with_decisions(predictions)
        test = decided[decided[SLICE] == SLICE_ALL]
        classes = classes_of(predictions)
        true, found = class_codes(test[Y_TRUE], classes), class_codes(test[DECIDED], classes)
        counts = confusion_counts(true, found, len(classes))
        for code, name in enumerate(classes):
            right, said, there = counts[code, code], counts[:, code].sum(), counts[code].sum()
            precision, recall = right / max(said, 1), right / max(there, 1)
            f1 = 2 * right / max(said + there, 1)
            rows.append((manifest[MODEL], manifest[FOLD], manifest[SEED], name, precision, recall, f1, int(there)))
            confusion += [(manifest[MODEL], name, other, int(counts[code, j])) for j, other in enumerate(classes)]
    table = pd.DataFrame(confusion, columns=list(CONFUSION_COLUMNS))
    summed = table.groupby(list(CONFUSION_COLUMNS[:-1]), sort=False)["n"].sum().reset_index()
    return pd.DataFrame(rows, columns=list(CLASS_COLUMNS)), summed


def word_weights(model: Any, inputs: TextInputs, row: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """How much each word speaks for each class in one document: by leaving it out (Li et al. 2016).

    Returns:
        Words (W,), in order; weights (W, C): the log-probability with the word less that without it; and the
        probabilities (C,) of the whole document.
    """
    summary, text = str(inputs.summary[row]), str(inputs.text[row])
    heads, bodies = tokenise(summary), tokenise(text)[:MOST_WORDS]
    words = [*heads, *bodies]
    variants = [(summary, text)]
    variants += [(_without(summary, heads, i), text) for i in range(len(heads))]
    variants += [(summary, _without(text, bodies, i)) for i in range(len(bodies))]
    changed = TextInputs.of_texts([a for a, _ in variants], [b for _, b in variants], inputs.classes)
    p = model.predict_proba(changed, np.arange(len(variants)))
    logs = log_probabilities(np.asarray(p, dtype=np.float64))
    return words, logs[0] - logs[1:], p[0]


def _without(text: str, tokens: Sequence[str], leave_out: int) -> str:
    """The text without one of its tokens, found from the left, whatever its capitals."""
    lowered, start = text.lower(), 0
    if len(lowered) != len(text):
        return " ".join(token for i, token in enumerate(tokens) if i != leave_out)
    for i, token in enumerate(tokens):
        found = lowered.find(token, start)
        if found < 0:  # lengthened letters were cut, or the name of a user was hidden
            return " ".join(token for i, token in enumerate(tokens) if i != leave_out)
        if i == leave_out:
            return text[:found] + " " + text[found + len(token) :]
        start = found + len(token)
    return text


def word_table(model: Any, name: str, inputs: TextInputs, most: int, seed: int) -> pd.DataFrame:
    """`WORD_COLUMNS` of some test documents, as many of each true class as can be, drawn at random.

    ``weight`` speaks for the decided class, here the most probable. Texts of documents are shown in the report: they
    are escaped there.
    """
    rng = np.random.default_rng(seed)
    length = np.array([len(str(inputs.words[row]).split(" ")) for row in inputs.test])
    readable = inputs.test[(length >= 5) & (length <= MOST_WORDS)]
    by_class = [rng.permutation(readable[inputs.labels[readable] == code]) for code in range(len(inputs.classes))]
    chosen = [rows[i] for i in range(most) for rows in by_class if i < len(rows)][:most]
    found = []
    for number, row in enumerate(chosen):
        words, weights, p = word_weights(model, inputs, int(row))
        code = int(p.argmax())
        true = inputs.classes[int(inputs.labels[row])]
        found += [
            (number, name, true, inputs.classes[code], float(p[code]), position, word, float(weights[position, code]))
            for position, word in enumerate(words)
        ]
    return pd.DataFrame(found, columns=list(WORD_COLUMNS))
