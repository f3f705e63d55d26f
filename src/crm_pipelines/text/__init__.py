"""Texts as numbers."""

from crm_pipelines.text.tfidf import PastTextEncoder, PastTexts, TextProjection, past_means

__all__ = ["PastTextEncoder", "PastTexts", "TextProjection", "past_means"]
