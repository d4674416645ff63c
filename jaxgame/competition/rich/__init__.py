"""Rich and correlated signals: the worst of all equilibria, by concave closures on the simplex of beliefs.

Read `worst` first: which laws of public posteriors are equilibria, and the program for a best-responding
follower. It needs `posteriors` (her regions and their vertices) and `concave_closure` (the linear program).
`worst_quantal` is the same for a logit follower and two states: `logit_grid` proposes where to look at the
curves of `logit_curves`, `logit_laws` proves what follows (hulls in `curve_hull`). With slack both have a row
for each leader, `slack_program`: `worst_slack`, and `slack_laws` for a logit follower. What all hand back is
in `equilibrium`.
"""
