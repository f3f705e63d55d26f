"""Parameters of documents: how they are cleaned, turned into words and split."""

from pydantic import Field

from crm_pipelines.config import Parameters


class DocumentParameters(Parameters):
    """How documents are prepared.

    Attributes:
        most_characters: a longer text is cut to its beginning (counted).
        least_words: with fewer words the language is not told.
        labelled: most labelled documents that sentiment is learnt and measured on, drawn with the seed where there are
            more; all documents are scored.
        seed: of that draw.
    """

    most_characters: int = Field(default=20_000, ge=100)
    least_words: int = Field(default=4, ge=1)
    labelled: int = Field(default=50_000, ge=100)
    seed: int = 42
