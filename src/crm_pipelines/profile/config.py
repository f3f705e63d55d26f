"""Parameters of profiles."""

from typing import Self

from pydantic import Field, model_validator

from crm_pipelines.config import Parameters


class SegmentParameters(Parameters):
    """How customers are segmented by their fused profiles.

    Attributes:
        counts: numbers of segments tried; the best silhouette on training records decides.
        sample: training records that clusters are fitted on at most.
        resamples: bootstrap resamples by which stability is measured.
        words: qualities in a segment's name.
        seed: of the clustering and the resamples.
    """

    counts: tuple[int, ...] = Field(default=(4, 5, 6, 7), min_length=1)
    sample: int = Field(default=10_000, ge=50)
    resamples: int = Field(default=20, ge=2)
    words: int = Field(default=2, ge=1, le=4)
    seed: int = 42


class VoiceParameters(Parameters):
    """What is written for use about each customer.

    Attributes:
        model: states the probability of a purchase; empty takes the one of lowest log-loss on validation.
        bands: name -> probability below which a customer belongs to it, ascending, the last 1; absolute.
        themes, entities: most of them named for a customer.
        chunk: customers scored at once, which bounds the memory.
        quote: characters of the last negative document.
    """

    model: str = ""
    bands: dict[str, float] = Field(default={"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0})
    themes: int = Field(default=3, ge=1, le=10)
    entities: int = Field(default=5, ge=1, le=20)
    chunk: int = Field(default=50_000, ge=100)
    quote: int = Field(default=200, ge=0, le=10_000)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        bounds = list(self.bands.values())
        if bounds != sorted(set(bounds)) or not bounds or bounds[-1] != 1 or bounds[0] <= 0:
            raise ValueError("'bands' must name rising bounds above 0, the last of them 1")
        return self
