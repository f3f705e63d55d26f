"""What a network must know of the data before it is built."""

from typing import Any, NamedTuple, Self

from crm_pipelines.events.inputs import EventInputs


class Sizes(NamedTuple):
    """Widths and cardinalities of prepared inputs.

    Attributes:
        features: F_total, columns of `EventInputs.features`.
        classes: C. behaviours: classes and context behaviours. segments: customer segments, at least 1.
        customer_static, item_static: static columns. customer_codes, item_codes: codes of each categorical column.
    """

    features: int
    classes: int
    behaviours: int
    segments: int
    customer_static: int
    item_static: int
    customer_codes: tuple[int, ...]
    item_codes: tuple[int, ...]

    @classmethod
    def of(cls, inputs: EventInputs) -> Self:
        """Read the sizes off prepared inputs."""
        return cls(
            features=len(inputs.all_feature_names),
            classes=len(inputs.classes),
            behaviours=len(inputs.store.behaviours),
            segments=max(1, inputs.n_segments),
            customer_static=inputs.customer_static.shape[1],
            item_static=inputs.item_static.shape[1],
            customer_codes=tuple(inputs.customer_cardinalities),
            item_codes=tuple(inputs.item_cardinalities),
        )

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> Self:
        """From what JSON kept of `_asdict`."""
        codes = {key: tuple(stored[key]) for key in ("customer_codes", "item_codes")}
        return cls(**{**stored, **codes})
