"""Models of which product next."""
