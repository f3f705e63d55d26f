"""Parameters of ``recommendation`` (paper E)."""

from pydantic import Field

from crm_pipelines.config import Parameters


class OfferParameters(Parameters):
    """How products taken are split, and how customers and products are described to models.

    Attributes:
        history_share: protocol ``time``: share of the predicted events, by time, before the cut.
        time_validation_share: share of those before the cut, the last of them, kept for validation.
        held_out_share: protocol ``held_out``: share of customers of whom models learn nothing.
        validation_share: share of the other customers who are validated on, in the protocols without a cut.
        words: width of the hashed words of items' texts, the same for every catalogue, so that what is learnt of a word
            in one can be used in another.
        max_categories: one-hot columns of each categorical attribute.
        seed: draws customers.
    """

    history_share: float = Field(default=0.8, gt=0, lt=1)
    time_validation_share: float = Field(default=0.1, gt=0, lt=1)
    held_out_share: float = Field(default=0.2, gt=0, lt=1)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    words: int = Field(default=256, ge=8)
    max_categories: int = Field(default=50, ge=1)
    seed: int = 42


class ListParameters(Parameters):
    """How lists are made for use.

    Attributes:
        model: recommends; empty: the one of best NDCG@10 on validation.
        products: length of a list.
        customers: most customers recommended to, the latest active first; all where 0.
        diversity: 0 to 1; how much a product like one higher up the list is put back (maximal marginal relevance).
        reasons: given for each product.
    """

    model: str = ""
    products: int = Field(default=5, ge=1, le=50)
    customers: int = Field(default=0, ge=0)
    diversity: float = Field(default=0.1, ge=0, le=1)
    reasons: int = Field(default=1, ge=1, le=3)


class CurveParameters(Parameters):
    """Learning curves with and without pre-training.

    Attributes:
        shares: of the target's training customers; none where empty.
        seeds: each draws its own customers.
        most_events: read in each training, the same with and without pre-training.
        most_products: no curves are drawn of a source with more.
    """

    shares: tuple[float, ...] = (0.01, 0.05, 0.2, 1.0)
    seeds: tuple[int, ...] = (42, 43, 44)
    most_events: int = Field(default=200_000, ge=1)
    most_products: int = Field(default=2_000, ge=1)
