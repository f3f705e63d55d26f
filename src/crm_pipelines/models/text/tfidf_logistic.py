"""Balanced logistic regression on sublinear TF-IDF of words, pairs of words, characters and the summary apart.

Idea: character n-grams see endings, misspellings and negations that words miss (Wang and Manning 2012, "Baselines and
bigrams", ACL, show how hard such linear models are to beat). Classes are weighted by the inverse of their size.
"""

from typing import Any, ClassVar

from pydantic import Field
from sklearn.linear_model import LogisticRegression

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.ngram_linear import NGramLinear
from crm_pipelines.models.layers.weighted_ngrams import NGramParameters


class TfidfLogisticConfig(Parameters):
    """Attributes: ngrams: what is counted. penalty: inverse L2 strength C. iterations: most of L-BFGS."""

    ngrams: NGramParameters = NGramParameters()
    penalty: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=200, ge=1)


class TfidfLogistic(NGramLinear):
    """Multinomial, by L-BFGS."""

    name: ClassVar[str] = "tfidf_logistic"
    Config: ClassVar[type[Parameters]] = TfidfLogisticConfig

    def estimator(self) -> Any:
        """scikit-learn's, with balanced classes."""
        return LogisticRegression(C=self.config.penalty, class_weight="balanced", max_iter=self.config.iterations)
