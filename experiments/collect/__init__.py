"""`python -m experiments.collect`: the runs of a sweep as one table and one figure."""
