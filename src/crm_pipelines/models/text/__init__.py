"""Models of the sentiment of documents (paper D)."""
