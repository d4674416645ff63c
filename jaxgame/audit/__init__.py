"""The audit of a panel of models: is what users want near a mixture of what the models say?

Start with `run.audit`. It reads a table (`reading`), chooses targets and models (`roles`), prepares the rows
of each target (`prepare`) and audits it (`target`): by fits from second moments (`moments`), certified
distances (`certify`), resampling (`resample`) and the value of models (`value`). What it finds are records
(`result`) with verdicts in words (`words`). `figures`, `report` and `terminal` tell them, `files` writes
`report.html` and `audit.json`; the command is `jaxgame.cli`.
"""

from jaxgame.audit.errors import InputError
from jaxgame.audit.result import Audit, TargetAudit
from jaxgame.audit.run import audit
from jaxgame.audit.settings import DEFAULT_EPSILON

__all__ = ["DEFAULT_EPSILON", "Audit", "InputError", "TargetAudit", "audit"]
