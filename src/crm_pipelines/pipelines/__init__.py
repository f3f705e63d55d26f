"""Kedro pipelines: wiring and thin nodes only. Nothing but the registry imports from here."""
