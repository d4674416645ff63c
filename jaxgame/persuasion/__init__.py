"""One leader's best responses: values, whole curves, and the programs and walks that compute them.

`value` and `frontier` are for callers. They solve `programs`, batches of linear programs whose answers are
certified in `bounds`, by `two_state` in closed form or by `pivoting`.
"""
