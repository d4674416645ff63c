"""The lower bound that a measure proves on the distance to a cone, with a charge for rounding.

A measure m of dual norm 1 bounds the distance of a target to `{sum_i w_i column_i : w >= 0}` from below by
`<m, target>`, provided that no `<m, column_i>` is positive. A computed measure breaks that condition by
rounding. The bound stays a proof if it is about weights of bounded size: each unit of `w_i |column_i|` can
then gain no more than the largest `<m, column_i> / |column_i|`, and that gain is subtracted.
"""

from typing import Any

# The weights that the bound is about: those with sum_i w_i |column_i| <= CONE_REACH |target|.
CONE_REACH = 1e4


def cone_bound(value: Any, scores: Any, *, size: Any, sizes: Any) -> Any:
    """A lower bound on the distance to a cone, at least 0, from the products of one or more measures.

    - `value` [...] is `<m, target>` for each measure m, which has dual norm 1;
    - `scores` [..., K] are `<m, column_i>`; 0 takes a column out of the cone;
    - `size` is the norm of the target, `sizes` [K] are those of the columns, in the norm of the distance;
      they broadcast against `value` and `scores`.

    The bound [...] holds against all weights with `sum_i w_i |column_i| <= CONE_REACH |target|`, and against
    all weights whatever if no score is positive. Takes NumPy and JAX arrays. A score that is not a number
    makes the bound not a number: it is never left out.
    """
    xp = scores.__array_namespace__()
    excess = xp.maximum(scores / xp.where(sizes > 0, sizes, 1.0), 0.0).max(axis=-1)
    return xp.maximum(value - CONE_REACH * size * excess, 0.0)
