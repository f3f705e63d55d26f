"""Customers' sequences of items: in the order of events, split, and ready for models of the next item."""
