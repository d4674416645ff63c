"""The Hydra application: `python -m experiments experiment=NAME`.

Every module directly in this package is an experiment, but for those whose names begin with an underscore.
`common` is what they share; `collect`, `replay` and `reproduce` are commands.
"""
