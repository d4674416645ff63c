"""`python -m experiments.replay`: one draw of a run, computed again and shown."""
