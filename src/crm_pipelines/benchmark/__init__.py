"""Executes runs: fits a model on prepared inputs, predicts every slice, and measures what it cost."""
