"""Balanced logistic regression on sublinear TF-IDF of words, pairs of words, characters and the summary apart.

Idea: character n-grams see endings, misspellings and negations that words miss (Wang and Manning 2012, "Baselines and
bigrams", ACL, show how hard such linear models are to beat). Classes are weighted by the inverse of their size; the
weights are taken out of the intercepts afterwards, so that probabilities are those of the classes as they are.
"""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.ngram_linear import NGramLinear
from crm_pipelines.models.layers.weighted_ngrams import NGramParameters


class TfidfLogisticConfig(Parameters):
    """Attributes: ngrams: what is counted. penalty: inverse L2 strength C. iterations: most of L-BFGS."""

    ngrams: NGramParameters = NGramParameters()
    penalty: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=60, ge=1)


class TfidfLogistic(NGramLinear):
    """Multinomial, by L-BFGS."""

    name: ClassVar[str] = "tfidf_logistic"
    Config: ClassVar[type[Parameters]] = TfidfLogisticConfig

    def estimator(self) -> Any:
        """scikit-learn's, with balanced classes."""
        return LogisticRegression(C=self.config.penalty, class_weight="balanced", max_iter=self.config.iterations)

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit, then take the class weights out of the intercepts."""
        history = super().fit(inputs)
        counts = np.bincount(inputs.labels[inputs.train], minlength=len(inputs.classes))
        present = counts > 0
        self.intercept[present] += np.log(counts[present] * present.sum() / counts.sum())
        return history
