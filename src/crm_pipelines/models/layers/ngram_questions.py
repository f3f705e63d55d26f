"""Yes-no questions about a document: balanced logistic regressions on the same n-grams, some with a lexicon.

One asks of each class whether it is the document's, by the n-grams. Others, which know the lexicon, too, ask between
each mark and the next whether the document's is higher (Frank and Hall 2001, "A simple approach to ordinal
classification", ECML). Marks are those that authors gave, such as stars, or the classes in their order: what sets one
star from two also says how far a text is from three.

Answers are cross-fitted: documents are cut into parts, and each is answered for by questions fitted on the others
(Wolpert 1992, "Stacked generalization"). Frequencies of n-grams and the scale of the lexicon, which know no label, are
those of all training documents.
"""

import warnings

import numpy as np
import torch
from pydantic import Field
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.lexicon import lexicon_numbers
from crm_pipelines.models.layers.parts import stratified_parts
from crm_pipelines.models.layers.weighted_ngrams import NGramParameters, WeightedNGrams

SCALE = 0.3
"""Deviation of a lexicon's number beside n-grams, which are far smaller."""
INTERCEPT = 3.0
"""The solver pulls the intercept towards 0 like a weight; a column of this size makes the pull small."""
NEVER = 30.0
CHUNK = 4096
MOST_MARKS = 10
"""Where authors gave more different marks than this, classes are asked about instead."""


class QuestionParameters(Parameters):
    """How documents are asked about.

    Attributes:
        ngrams: what is counted. penalty: inverse L2 strength C. iterations: most of the solver. tolerance: where it
            stops. parts: of the documents, for cross-fitted answers.
    """

    ngrams: NGramParameters = NGramParameters()
    penalty: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=40, ge=1)
    tolerance: float = Field(default=0.1, gt=0)
    parts: int = Field(default=3, ge=2)


class NGramQuestions:
    """K logistic regressions, freed of the balance of their answers: of classes, then of marks.

    Attributes:
        mean, scale: of the lexicon's numbers. coefficients: (K, F), n-grams before the lexicon. intercept: (K,).
    """

    def __init__(self, parameters: QuestionParameters, seed: int) -> None:
        self.parameters, self.seed = parameters, seed
        self.ngrams = WeightedNGrams(parameters.ngrams)
        self.mean = self.scale = np.zeros(0, dtype=np.float32)
        self.coefficients = np.zeros((0, 0), dtype=np.float32)
        self.intercept = np.zeros(0)
        self._tables: list[np.ndarray] | None = None

    def fit(self, inputs: TextInputs) -> np.ndarray:
        """Fit on the training documents; returns what is said (N, K) of each by questions that have not seen it."""
        rows, labels = inputs.train, inputs.labels[inputs.train]
        numbers = lexicon_numbers(inputs, rows)
        self.mean = numbers.mean(axis=0)
        self.scale = (SCALE / np.maximum(numbers.std(axis=0), 1e-6)).astype(np.float32)
        counts = self.ngrams.counts(inputs, rows)
        self.ngrams.fit(counts)
        plain = self.ngrams.weigh(counts)
        full = sp.hstack([plain, sp.csr_matrix((numbers - self.mean) * self.scale)], format="csr")
        classes, higher = _answers(labels, inputs.grades[rows], len(inputs.classes))
        unseen = np.zeros((len(rows), classes.shape[1] + higher.shape[1]))
        for rest, own in stratified_parts(labels, self.parameters.parts, self.seed):
            coefficients, intercept = self._fitted(plain[rest], full[rest], classes[rest], higher[rest])
            unseen[own] = full[own] @ coefficients.T + intercept
        self.coefficients, self.intercept = self._fitted(plain, full, classes, higher)
        self._tables = None
        return unseen

    def _fitted(
        self, plain: sp.csr_matrix, full: sp.csr_matrix, classes: np.ndarray, higher: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (K, F) and intercepts (K,): answers (N, C) by ``plain`` n-grams, (N, K - C) by all (N, F)."""
        asked = [*((plain, yes) for yes in classes.T), *((full, yes) for yes in higher.T)]
        coefficients = np.zeros((len(asked), full.shape[1]), dtype=np.float32)
        intercept = np.zeros(len(asked))
        for number, (x, yes) in enumerate(asked):
            share = float(yes.mean())
            if share in (0.0, 1.0):  # nobody to tell apart
                intercept[number] = NEVER if share else -NEVER
                continue
            estimator = self._estimator()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                estimator.fit(x, yes)
            coefficients[number, : x.shape[1]] = estimator.coef_[0]
            intercept[number] = float(estimator.intercept_[0]) + np.log(share / (1 - share))
        return coefficients, intercept

    def _estimator(self) -> LogisticRegression:
        p = self.parameters
        return LogisticRegression(
            C=p.penalty,
            class_weight="balanced",
            solver="liblinear",
            dual=True,
            tol=p.tolerance,
            max_iter=p.iterations,
            intercept_scaling=INTERCEPT,
            random_state=self.seed,
        )

    def said(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Logits (B, K) of document rows (B,)."""
        width = self.ngrams.width
        if self._tables is None:
            self._tables = self.ngrams.spread(self.coefficients[:, :width])
        out = np.zeros((len(rows), len(self.intercept)))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            numbers = (lexicon_numbers(inputs, part) - self.mean) * self.scale
            by_words = self.ngrams.scores(inputs, part, self._tables)
            out[start : start + len(part)] = by_words + numbers @ self.coefficients[:, width:].T + self.intercept
        return out

    def state(self) -> dict[str, torch.Tensor]:
        """The fitted arrays, to be saved."""
        names = ("mean", "scale", "coefficients", "intercept")
        return {**{name: torch.from_numpy(getattr(self, name)) for name in names}, **self.ngrams.state()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        for name in ("mean", "scale", "coefficients", "intercept"):
            setattr(self, name, state[name].numpy())
        self.ngrams.restore(state)
        self._tables = None

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self.coefficients.size + self.intercept.size)


def _answers(labels: np.ndarray, grades: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """True answers: of which class (N, C), and whether the mark is higher than each but the last."""
    marks = np.unique(grades)
    if np.isnan(grades).any() or len(marks) > MOST_MARKS:
        grades, marks = labels, np.arange(classes)
    return labels[:, None] == np.arange(classes), grades[:, None] > marks[:-1]
