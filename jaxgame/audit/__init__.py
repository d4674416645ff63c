"""The audit of a panel of models: is what users want near a mixture of what the models say?

`audit` computes (`run`), from `read` and `prepare` over fits by second moments (`moments`), certified
distances (`certify`), resampling (`resample`) and the value of models (`value`), to records (`result`) and
words (`words`). `figures` draws, `report` and `terminal` tell; the command `jaxgame` writes the files.
"""

from jaxgame.audit.errors import InputError
from jaxgame.audit.result import Audit, TargetAudit
from jaxgame.audit.run import audit
from jaxgame.audit.settings import DEFAULT_EPSILON

__all__ = ["DEFAULT_EPSILON", "Audit", "InputError", "TargetAudit", "audit"]
