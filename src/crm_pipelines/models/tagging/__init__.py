"""Taggers: models that mark the entities of a sentence."""
