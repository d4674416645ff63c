"""The Hydra application: `python -m experiments experiment=NAME`.

Every module directly in this package is an experiment, but for those whose names begin with an underscore.
`common` is what they share; `collect`, `replay` and `reproduce` are commands.
"""

import importlib.util

_missing = [name for name in ("hydra", "omegaconf") if importlib.util.find_spec(name) is None]
if _missing:
    # With this name `python -m experiments` says it in one line.
    raise ModuleNotFoundError(
        f"the experiments need {' and '.join(_missing)}: pip install -e '.[experiments]'", name=__name__
    )
