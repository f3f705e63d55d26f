"""Parameters of what is made of documents: themes, entities, profiles, explanations."""

from pydantic import Field

from crm_pipelines.config import Parameters


class ThemeParameters(Parameters):
    """How themes are found.

    Attributes:
        themes: how many. words: that make a name. vocabulary: most stems looked at.
        least: documents a stem must be in. most: share of documents above which a stem is too common.
        fitted_on: most documents they are found in, drawn with the seed. least_words: fewer known stems than this, and
            a document has no theme. seed: of that draw and of the factorisation.
    """

    themes: int = Field(default=10, ge=2, le=50)
    words: int = Field(default=3, ge=1, le=6)
    vocabulary: int = Field(default=5000, ge=10)
    least: int = Field(default=5, ge=1)
    most: float = Field(default=0.4, gt=0, le=1)
    fitted_on: int = Field(default=20_000, ge=50)
    least_words: int = Field(default=1, ge=1)
    seed: int = 42


class EntityParameters(Parameters):
    """How entities are found.

    Attributes:
        least_characters: shorter names of the catalogue are not looked for.
        most_names: of the catalogue, brands and places first.
        most_tagged: documents given to the trained tagger at most, the latest first; names are looked for in all.
        seed: of the tagger.
    """

    least_characters: int = Field(default=3, ge=2)
    most_names: int = Field(default=50_000, ge=1)
    most_tagged: int = Field(default=50_000, ge=0)
    seed: int = 42


class ProfileParameters(Parameters):
    """How every document is described.

    Attributes:
        model: of the sentiment, fitted anew on what lies before the cut.
        folds: parts of the labelled documents, each scored by a model of the others.
        days: length of the last stretch of the documents that nothing may be fitted on; empty takes the source's
            ``horizon_days``. Without times nothing is held back.
        fitted_on: most documents that the embedding is fitted on.
        explained: documents whose words are attributed in the report.
    """

    model: str = "tfidf_logistic"
    folds: int = Field(default=3, ge=2, le=10)
    days: float | None = Field(default=None, ge=0)
    fitted_on: int = Field(default=50_000, ge=50)
    explained: int = Field(default=12, ge=0, le=100)
