"""Linear support vector machine on TF-IDF of words and pairs of words, named by the paper.

Joachims 1998, "Text categorization with support vector machines". Its margins are no probabilities: a softmax of them
is, once the temperature that every model gets on validation has scaled it.
"""

from typing import Any, ClassVar

from pydantic import Field
from sklearn.svm import LinearSVC

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.ngram_linear import NGramLinear
from crm_pipelines.models.layers.weighted_ngrams import NGramParameters


class SVMConfig(Parameters):
    """Attributes: ngrams: what is counted. penalty: C. iterations: most of the solver."""

    ngrams: NGramParameters = NGramParameters(characters=(0, 0), summary=False)
    penalty: float = Field(default=0.1, gt=0)
    iterations: int = Field(default=500, ge=1)


class SVM(NGramLinear):
    """One class against the rest, weighted by the inverse of its size."""

    name: ClassVar[str] = "svm"
    Config: ClassVar[type[Parameters]] = SVMConfig

    def estimator(self) -> Any:
        """scikit-learn's, with balanced classes."""
        config = self.config
        return LinearSVC(C=config.penalty, class_weight="balanced", max_iter=config.iterations, random_state=self.seed)
