"""Reporting: reads the result files of every run and turns them into tables, figures and one HTML page.

``results`` reads the files, ``tables`` shapes them, ``verdict`` says what they amount to, ``html`` renders the page,
``figures`` draws for the catalog, ``summary`` prints the end of a run. Nothing here computes a metric.
"""
