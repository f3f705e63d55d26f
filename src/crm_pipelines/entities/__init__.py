"""Who and what documents speak of: spans with a type and a source."""
