"""The claims that experiments check: what each predicts, what was found, and the verdict.

Read `guarantee` first: what a checked claim is, and how three numbers with brackets become a verdict.
Verdicts are three-valued: "yes", "no", and "undecided" where the brackets are too wide to tell.

| Claim | Check | Module |
| --- | --- | --- |
| best-AI selection: V >= OPT - 2 eps at every equilibrium | `best_ai_selection` | `statements` |
| all leaders heard, best responses: the same | `bayes_optimal_learning` | `statements` |
| all leaders heard, quantal responses: less delta's cost and her regret | `quantal_response` | `statements` |
| best-AI selection by a score: OPT - max(2 eps, 2 d) | `score_selection` | `statements` |
| best-AI selection by leaders who learn: the same less what they regret | `learning` | `learned` |
| best-AI selection, coarse correlated equilibria over menus: the same | `coarse_correlated` | `learned` |
| many users: OPT_j - 2 eps_j alone, OPT_j - 2 eps / lam_j if all hear the same | `many_users` | `users` |
| any of the three at one profile of rules, with `protocol=` | the same functions | `profiles` |
| coalitions of reviewers: what a rule that tolerates k objectors costs | `coalition` | `coalitions` |
| how often eps = 0 (Wendel 1962) | `wendel_coverage` | `coverage` |

The constants are proved in theory, section 4; they are not quoted from the paper. Beside each bound stands
a sharper one of ours, in which the average alignment D takes the place of 2 eps (theory, section 15).
"""

from jaxgame.theorems.coalitions import CoalitionCheck, coalition
from jaxgame.theorems.coverage import CoverageCheck, alignment_dimension, wendel_coverage, wendel_probability
from jaxgame.theorems.guarantee import VERDICTS, Guarantee, Premise, premise
from jaxgame.theorems.learned import CoarseCorrelated, coarse_correlated, learning
from jaxgame.theorems.statements import (
    bayes_optimal_learning,
    best_ai_selection,
    quantal_response,
    score_selection,
)
from jaxgame.theorems.users import ManyUsers, UsersGuarantee, many_users

__all__ = [
    "VERDICTS",
    "CoalitionCheck",
    "CoarseCorrelated",
    "CoverageCheck",
    "Guarantee",
    "ManyUsers",
    "Premise",
    "UsersGuarantee",
    "alignment_dimension",
    "bayes_optimal_learning",
    "best_ai_selection",
    "coalition",
    "coarse_correlated",
    "learning",
    "many_users",
    "premise",
    "quantal_response",
    "score_selection",
    "wendel_coverage",
    "wendel_probability",
]
