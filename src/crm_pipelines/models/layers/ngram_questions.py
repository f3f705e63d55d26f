"""Yes-no questions about a document: balanced logistic regressions on the same n-grams and a lexicon.

One asks of each class whether it is the document's. Where authors gave marks that are finer than the classes, one asks
between each mark and the next whether the document's is higher (Frank and Hall 2001, "A simple approach to ordinal
classification", ECML): what sets one star from two also says how far a text is from three.

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
NEVER = 30.0
CHUNK = 4096
MOST_MARKS = 10
"""Where authors gave more different marks than this, none is asked about."""


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
    parts: int = Field(default=4, ge=2)


class NGramQuestions:
    """K logistic regressions, freed of the balance of their answers.

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
        x = sp.hstack([self.ngrams.weigh(counts), sp.csr_matrix((numbers - self.mean) * self.scale)], format="csr")
        answers = _answers(labels, inputs.grades[rows], len(inputs.classes))
        unseen = np.zeros(answers.shape)
        for rest, own in stratified_parts(labels, self.parameters.parts, self.seed):
            coefficients, intercept = self._fitted(x[rest], answers[rest])
            unseen[own] = x[own] @ coefficients.T + intercept
        self.coefficients, self.intercept = self._fitted(x, answers)
        self._tables = None
        return unseen

    def _fitted(self, x: sp.csr_matrix, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (K, F) and intercepts (K,) of answers (N, K)."""
        p = self.parameters
        coefficients = np.zeros((answers.shape[1], x.shape[1]), dtype=np.float32)
        intercept = np.zeros(answers.shape[1])
        for number, yes in enumerate(answers.T):
            share = float(yes.mean())
            if share in (0.0, 1.0):  # nobody to tell apart
                intercept[number] = NEVER if share else -NEVER
                continue
            estimator = LogisticRegression(
                C=p.penalty,
                class_weight="balanced",
                solver="liblinear",
                dual=True,
                tol=p.tolerance,
                max_iter=p.iterations,
                random_state=self.seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                estimator.fit(x, yes)
            coefficients[number] = estimator.coef_[0]
            intercept[number] = float(estimator.intercept_[0]) + np.log(share / (1 - share))
        return coefficients, intercept

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


def _answers(labels: np.ndarray, grades: np.ndarray, classes: int) -> np.ndarray:
    """True answers (N, K): of which class, then whether the mark is higher than each that does not end a class."""
    of_class = [labels == code for code in range(classes)]
    marks = np.unique(grades)
    if np.isnan(grades).any() or not classes < len(marks) <= MOST_MARKS:
        return np.column_stack(of_class)
    ends = {grades[yes].max() for yes in of_class if yes.any()}  # above it is what another class's question asks
    return np.column_stack([*of_class, *(grades > mark for mark in marks if mark not in ends)])
