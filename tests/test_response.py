import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

import jaxgame as jg

TIED = jnp.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, -1.0, 5.0]])


def test_tie_rules():
    np.testing.assert_array_equal(jg.best_response(TIED), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(
        jg.best_response(TIED, tie="uniform"), [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1]]
    )
    favour = jnp.array([[9.0, 0.0, 1.0], [0.0, 1.0, 1.0], [9.0, 9.0, 0.0]])
    favoured = jg.best_response(TIED, tie="favoured", favour=favour)
    np.testing.assert_array_equal(favoured, [[0, 0, 1], [0, 1, 0], [0, 0, 1]])


def test_tolerance_widens_ties():
    values = jnp.array([1.0, 1.0 + 1e-12])
    np.testing.assert_array_equal(jg.best_response(values), [0, 1])
    np.testing.assert_array_equal(jg.best_response(values, tolerance=1e-9), [1, 0])


def test_quantal_response_by_hand():
    odds = jg.quantal_response(jnp.array([0.0, 1.0]), rationality=2.0)
    np.testing.assert_allclose(odds, [1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))], atol=1e-15)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_quantal_response_at_the_extremes_of_rationality(size):
    values = size * TIED / 5
    np.testing.assert_allclose(jg.quantal_response(values, 0.0), 1 / 3, atol=1e-15)
    limit = jg.best_response(values, tie="uniform")
    np.testing.assert_allclose(jg.quantal_response(values, np.inf), limit, atol=0)
    np.testing.assert_allclose(jg.quantal_response(values, 1e6 / size), limit, atol=1e-15)


def test_quantal_response_of_a_million_overflows_nowhere():
    values = jnp.array([-1e6, 0.0, 1e6])
    response = jg.quantal_response(values, 1e6)
    np.testing.assert_array_equal(response, [0, 0, 1])
    jacobian = jax.jacobian(lambda v: jg.quantal_response(v, 1e6))(values)
    assert bool(jnp.isfinite(jacobian).all())
    assert bool(jnp.isfinite(jax.grad(lambda r: jg.quantal_response(TIED, r)[2, 2])(1.0)))


@pytest.mark.parametrize("actions", [2, 3, 5, 10])
def test_quantal_regret_bound_is_attained(actions):
    bound = jg.quantal_regret_bound(actions, 1.0)
    assert bound == pytest.approx(float(lambertw((actions - 1) / np.e).real), abs=1e-14)
    assert bound == pytest.approx({2: 0.278465, 3: 0.463056, 5: 0.717825, 10: 1.101003}[actions], abs=5e-7)
    assert bound <= np.log(actions)

    def regret(gap: float) -> float:
        values = jnp.where(jnp.arange(actions) == 0, 0.0, -gap)
        return float(jg.regret(values, jg.quantal_response(values, 1.0)))

    worst = minimize_scalar(
        lambda gap: -regret(gap), bounds=(0, 10), method="bounded", options={"xatol": 1e-9}
    )
    assert -worst.fun == pytest.approx(bound, abs=1e-10)


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 6]), st.floats(1e-3, 1e3))
def test_quantal_regret_stays_within_the_bound(seed, actions, rationality):
    values = jnp.asarray(np.random.default_rng(seed).normal(size=(20, actions)))
    regret = jg.regret(values, jg.quantal_response(values, rationality))
    assert float(regret.max()) <= jg.quantal_regret_bound(actions, rationality) * (1 + 1e-12) + 1e-15
    assert float(regret.min()) >= -1e-15


@given(
    st.integers(0, 10**6), st.permutations(range(4)), st.floats(-100, 100), st.sampled_from([0.0, 1.0, 50.0])
)
def test_permuting_actions_and_shifting_values(seed, order, shift, rationality):
    values = jnp.asarray(np.random.default_rng(seed).normal(size=4))
    order = jnp.asarray(order)
    respond = lambda v: jg.quantal_response(v, rationality)  # noqa: E731
    np.testing.assert_allclose(respond(values[order]), respond(values)[order], atol=1e-15)
    np.testing.assert_allclose(respond(values + shift), respond(values), atol=1e-11)


def test_what_is_no_number_stays_none():
    """Inside jit, where nothing can be raised; other rows of the batch do not notice."""
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        values = TIED.at[1, 0].set(bad)
        favour = jnp.zeros_like(TIED)
        for response in (
            jax.jit(jg.best_response)(values),
            jax.jit(lambda v: jg.best_response(v, tie="uniform"))(values),
            jax.jit(lambda v, f: jg.best_response(v, tie="favoured", favour=f))(values, favour),
            jax.jit(lambda v, f: jg.best_response(f, tie="favoured", favour=v))(values, favour),
            jax.jit(jg.quantal_response)(values, 2.0),
        ):
            assert np.isnan(np.asarray(response[1])).all()
            np.testing.assert_allclose(response[jnp.array([0, 2])].sum(1), 1, atol=1e-15)
            assert not np.isfinite(float(jax.jit(jg.regret)(values, response)[1]))
    for rationality in (jnp.nan, -1.0):
        assert np.isnan(np.asarray(jax.jit(jg.quantal_response)(TIED, rationality))).all()


def test_bounds_at_the_edges():
    assert jg.quantal_regret_bound(1, 0.0) == 0.0
    assert jg.quantal_regret_bound(2, 0.0) == np.inf
    assert jg.quantal_regret_bound(2, np.inf) == 0.0


def test_bad_input_is_named():
    with pytest.raises(
        ValueError, match=r"tie is 'first'; it must be one of 'lowest', 'uniform', 'favoured'"
    ):
        jg.best_response(TIED, tie="first")
    with pytest.raises(ValueError, match="tie 'favoured' needs favour"):
        jg.best_response(TIED, tie="favoured")
    with pytest.raises(ValueError, match="tie 'lowest' takes no favour"):
        jg.best_response(TIED, favour=TIED)
    with pytest.raises(ValueError, match=r"rationality is -1\.0; it must be at least 0"):
        jg.quantal_response(TIED, -1.0)
    with pytest.raises(ValueError, match="rationality is nan"):
        jg.quantal_response(TIED, np.nan)
    with pytest.raises(ValueError, match="actions is 0"):
        jg.quantal_regret_bound(0, 1.0)
    with pytest.raises(ValueError, match="rationality is -2"):
        jg.quantal_regret_bound(2, -2.0)
