"""The five papers as pages of the report: what each asks, and which pipelines answer it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Paper:
    """A paper.

    Attributes:
        letter: its name throughout the project.
        question: what its system answers, in a customer relationship's words.
        system: its system, in its own words.
        reference: where it was published.
        pipelines: whose results belong to it, in the order of the page.
        chain: the pipeline that runs all of them.
    """

    letter: str
    question: str
    system: str
    reference: str
    pipelines: tuple[str, ...]
    chain: str


_JOEUC: Final = "Journal of Organizational and End User Computing 36(1)"

PAPERS: Final = (
    Paper(
        "A",
        "What a customer does next",
        "TFP-Net: temporal graph attention, factorisation and prototypes, also for newcomers",
        "Li, Dong and Wang 2026, PLoS ONE 21(4): e0345461",
        ("coldstart",),
        "coldstart",
    ),
    Paper(
        "B",
        "Three next steps, and who leaves",
        "Sequence Transformer and Churn Transformer, joined into one plan",
        "Amirthavalli, Brijet, Murugeswari and Gunasundari 2025",
        ("engagement",),
        "engagement",
    ),
    Paper(
        "C",
        "The risk of a record",
        "QRCNN-LSTM with cross-attention",
        f"Huang, Der Leu, Lu and Zhou 2024, {_JOEUC}",
        ("risk",),
        "risk",
    ),
    Paper(
        "D",
        "What customers say, and who buys",
        "Sentiment, entities and themes from text, fused with history into profiles",
        "Durgarani, Sripada, Balamurugan, Rathore, Ananth and Das 2026, International Journal of Artificial "
        "Intelligence and Machine Learning",
        ("feedback", "profile"),
        "feedback",
    ),
    Paper(
        "E",
        "Which product next",
        "Transformer, transfer learning and graph attention",
        f"Li and Song 2024, {_JOEUC}",
        ("recommendation",),
        "recommendation",
    ),
)

OTHER: Final = Paper("", "Further results", "Pipelines that belong to none of the papers", "", (), "")
"""Results of pipelines that this project does not know."""
