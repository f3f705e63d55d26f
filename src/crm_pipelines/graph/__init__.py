"""The customer-item graph as sparse matrices."""

from crm_pipelines.graph.adjacency import (
    customer_item_adjacency,
    item_customer_adjacency,
    load_adjacency,
    save_adjacency,
)

__all__ = ["customer_item_adjacency", "item_customer_adjacency", "load_adjacency", "save_adjacency"]
