"""`python -m experiments.reproduce`: every claim checked, on one page."""
