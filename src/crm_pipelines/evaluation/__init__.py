"""Evaluation: reads predictions tables and knows no model.

``metrics.evaluate_run`` turns one run's predictions into result rows; ``significance.compare`` turns the
predictions of several models into paired differences; ``tables`` summarises; ``efficiency`` measures cost.
"""
