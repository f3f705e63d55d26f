"""A linear model of ordered classes on n-grams and a lexicon: one yes-no question between each class and the next.

Frank and Hall 2001, "A simple approach to ordinal classification", ECML: "better than negative?" and "better than
neutral?" each see all documents, so that the middle class is told from both sides.
"""

import warnings

import numpy as np
import torch
from pydantic import Field
from scipy import sparse as sp
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.lexicon import lexicon_numbers
from crm_pipelines.models.layers.weighted_ngrams import NGramParameters, WeightedNGrams

SCALE = 0.3
"""Deviation of a lexicon's number beside n-grams, which are far smaller."""
NEVER = 30.0
CHUNK = 4096


class OrdinalParameters(Parameters):
    """Attributes: ngrams: what is counted. penalty: inverse L2 strength C. iterations: most of L-BFGS."""

    ngrams: NGramParameters = NGramParameters()
    penalty: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=60, ge=1)


class OrdinalLinear:
    """C - 1 balanced logistic regressions, freed of the balance."""

    def __init__(self, parameters: OrdinalParameters) -> None:
        self.parameters = parameters
        self.ngrams = WeightedNGrams(parameters.ngrams)
        self.mean = self.scale = np.zeros(0, dtype=np.float32)
        self.coefficients = np.zeros((0, 0), dtype=np.float32)
        self.intercept = np.zeros(0)

    def fit(self, inputs: TextInputs) -> None:
        """Fit on the training documents."""
        rows, labels = inputs.train, inputs.labels[inputs.train]
        numbers = lexicon_numbers(inputs, rows)
        self.mean = numbers.mean(axis=0)
        self.scale = (SCALE / np.maximum(numbers.std(axis=0), 1e-6)).astype(np.float32)
        counts = self.ngrams.counts(inputs, rows)
        self.ngrams.fit(counts)
        x = sp.hstack([self.ngrams.weigh(counts), sp.csr_matrix((numbers - self.mean) * self.scale)], format="csr")
        questions = len(inputs.classes) - 1
        self.coefficients = np.zeros((questions, x.shape[1]), dtype=np.float32)
        self.intercept = np.zeros(questions)
        for question in range(questions):
            above = labels > question
            share = float(above.mean())
            if share in (0.0, 1.0):  # nobody to tell apart
                self.intercept[question] = NEVER if share else -NEVER
                continue
            p = self.parameters
            estimator = LogisticRegression(C=p.penalty, class_weight="balanced", max_iter=p.iterations)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                estimator.fit(x, above)
            self.coefficients[question] = estimator.coef_[0]
            self.intercept[question] = float(estimator.intercept_[0]) + np.log(share / (1 - share))

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C)."""
        above = np.zeros((len(rows), len(self.intercept)))
        transposed = np.ascontiguousarray(self.coefficients.T)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            numbers = sp.csr_matrix((lexicon_numbers(inputs, part) - self.mean) * self.scale)
            x = sp.hstack([self.ngrams.transform(inputs, part), numbers], format="csr")
            above[start : start + len(part)] = expit(x @ transposed + self.intercept)
        above = np.minimum.accumulate(above, axis=1)  # what is above a class is above those below it
        edges = np.column_stack([np.ones(len(rows)), above, np.zeros(len(rows))])
        return edges[:, :-1] - edges[:, 1:]

    def state(self) -> dict[str, torch.Tensor]:
        """The fitted arrays, to be saved."""
        names = ("mean", "scale", "coefficients", "intercept")
        return {**{name: torch.from_numpy(getattr(self, name)) for name in names}, **self.ngrams.state()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        for name in ("mean", "scale", "coefficients", "intercept"):
            setattr(self, name, state[name].numpy())
        self.ngrams.restore(state)

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self.coefficients.size + self.intercept.size)
