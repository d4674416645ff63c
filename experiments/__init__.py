"""The Hydra application: `python -m experiments experiment=NAME`, one module per experiment."""
