"""Small blocks of the reader ``tables``."""

from typing import Any

LOG = "customer_id,item_id,timestamp,behaviour\na,x,1700000000,view\nb,y,1700000060,buy\n"
"""The smallest good log of the reader ``tables``."""


def own(file: str = "log.csv", **interactions: Any) -> dict[str, Any]:
    """A block of the reader ``tables``."""
    if "rating_classes" not in interactions:
        interactions.setdefault("behaviours", {"view": "view", "buy": "buy"})
    return {"reader": "tables", "interactions": {"file": file, **interactions}}
