"""Records: one row per customer (or loan, or subscription) with attributes, a short sequence and a yes-no outcome."""
