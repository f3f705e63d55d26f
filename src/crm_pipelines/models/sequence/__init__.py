"""Models of a customer's next item."""
