"""Fitted models applied to today's customers: what is kept of a benchmark, and one row per customer made with it."""
