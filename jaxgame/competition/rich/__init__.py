"""Rich and correlated signals: the worst of all equilibria, by concave closures on the simplex of beliefs.

Read `worst` first: which laws of public posteriors are equilibria, and the program for a best-responding
follower. It needs `posteriors` (her regions and their vertices) and `concave_closure` (the linear program).
`worst_quantal` is the same for a logit follower and two states, on the curves of `logit_curves`. What both
hand back is in `equilibrium`.
"""
