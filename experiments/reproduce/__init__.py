"""`python -m experiments.reproduce`: claims checked, on one page."""
