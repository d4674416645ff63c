import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxgame as jg

JUDGE = jnp.array([0.7, 0.3])
CONVICT_IF_AT_LEAST_HALF = jnp.eye(2)


def random_case(seed: int, types: int, states: int, messages: int):
    """Prior and scheme with impossible states, messages and (with more than one) types among them."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(types * states)).reshape(types, states) * (
        rng.random((types, states)) > 0.3
    )
    prior[0, 0] += 0.1
    scheme = rng.dirichlet(np.ones(messages), size=states) * (rng.random((states, messages)) > 0.3)
    scheme[:, 0] += 0.1
    return prior / prior.sum(), scheme / scheme.sum(1, keepdims=True)


# Few shapes: each is compiled anew.
shapes = st.sampled_from([(1, 1, 1), (1, 2, 3), (2, 3, 2), (3, 4, 4)])
cases = st.builds(lambda seed, shape: random_case(seed, *shape), st.integers(0, 10**6), shapes)


def test_judge_of_kamenica_and_gentzkow():
    scheme = jnp.array([[4 / 7, 3 / 7], [0.0, 1.0]])
    beliefs = jg.update(JUDGE, scheme)
    np.testing.assert_allclose(beliefs.probability, [[0.4, 0.6]], atol=1e-15)
    np.testing.assert_allclose(beliefs.posterior, [[[1.0, 0.0], [0.5, 0.5]]], atol=1e-15)
    values = jg.action_values(beliefs.posterior, CONVICT_IF_AT_LEAST_HALF[None])
    prosecutor = jnp.array([[[0.0, 1.0], [0.0, 1.0]]])
    response = jg.best_response(
        values, tie="favoured", favour=jg.action_values(beliefs.posterior, prosecutor), tolerance=1e-12
    )
    law = jg.outcome(JUDGE[None], scheme, response)
    assert float((law * prosecutor).sum()) == pytest.approx(0.6, abs=1e-15)
    assert float((law * CONVICT_IF_AT_LEAST_HALF[None]).sum()) == pytest.approx(0.7, abs=1e-15)


@pytest.mark.parametrize("prior", [0.05, 0.3, 0.49])
@pytest.mark.parametrize("cut", [0.5, 0.8, 0.95])
def test_judge_at_other_priors_and_cuts(prior, cut):
    # Convict from posterior `cut` on: 0 to acquit against posterior - cut to convict.
    scheme = jnp.array(
        [[1 - prior / (1 - prior) * (1 - cut) / cut, prior / (1 - prior) * (1 - cut) / cut], [0, 1]]
    )
    beliefs = jg.update(jnp.array([1 - prior, prior]), scheme)
    assert float(beliefs.posterior[0, 1, 1]) == pytest.approx(cut, abs=1e-12)
    assert float(beliefs.probability[0, 1]) == pytest.approx(prior / cut, abs=1e-12)
    right = beliefs.probability[0, 0] + beliefs.probability[0, 1] * beliefs.posterior[0, 1, 1]
    assert float(right) == pytest.approx(1 - prior * (1 - cut) / cut, abs=1e-12)


def test_impossible_messages_and_types_change_no_belief():
    scheme = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    beliefs = jg.update(jnp.array([[0.25, 0.75], [0.0, 0.0]]), scheme)
    np.testing.assert_allclose(beliefs.probability, [[1, 0], [1, 0]], atol=0)
    np.testing.assert_allclose(beliefs.posterior[0], [[0.25, 0.75]] * 2, atol=0)
    np.testing.assert_allclose(beliefs.posterior[1], [[0.5, 0.5]] * 2, atol=0)


def test_gradients_stay_finite_at_impossible_messages():
    def value(scheme):
        beliefs = jg.update(JUDGE, scheme)
        return (beliefs.probability[..., None] * beliefs.posterior**2).sum()

    gradient = jax.grad(value)(jnp.array([[1.0, 0.0], [1.0, 0.0]]))
    assert bool(jnp.isfinite(gradient).all())


@given(cases)
def test_posteriors_average_to_the_prior(case):
    prior, scheme = case
    beliefs = jg.update(prior, scheme)
    average = jnp.einsum("tm,tms->ts", beliefs.probability, beliefs.posterior)
    mass = prior.sum(1, keepdims=True)
    np.testing.assert_allclose((average * mass)[mass[:, 0] > 0], prior[mass[:, 0] > 0], atol=1e-14)
    np.testing.assert_allclose(beliefs.posterior.sum(-1), 1.0, atol=1e-14)
    np.testing.assert_allclose(beliefs.probability.sum(-1), 1.0, atol=1e-14)


@given(cases, st.randoms(use_true_random=False))
def test_renaming_states_and_messages_renames_beliefs(case, random):
    prior, scheme = case
    states, messages = list(range(scheme.shape[0])), list(range(scheme.shape[1]))
    random.shuffle(states)
    random.shuffle(messages)
    beliefs = jg.update(prior, scheme)
    renamed = jg.update(prior[:, states], scheme[states][:, messages])
    np.testing.assert_allclose(renamed.probability, beliefs.probability[:, messages], atol=1e-14)
    np.testing.assert_allclose(renamed.posterior, beliefs.posterior[:, messages][..., states], atol=1e-13)


@given(cases, st.integers(0, 10**6))
def test_several_leaders_multiply_likelihoods(case, seed):
    prior, first = case
    _, second = random_case(seed, 1, first.shape[0], 3)
    joint = jg.joint_scheme(jnp.asarray(first), jnp.asarray(second))
    beliefs = jg.update(prior, joint)
    for t, m, n in np.ndindex(prior.shape[0], first.shape[1], 3):
        weights = prior[t] * first[:, m] * second[:, n]
        if weights.sum() > 0:
            np.testing.assert_allclose(beliefs.posterior[t, 3 * m + n], weights / weights.sum(), atol=1e-12)
    np.testing.assert_allclose(joint.sum(1), 1.0, atol=1e-14)


@given(cases, st.integers(0, 10**6))
def test_expected_utility_is_linear_in_the_outcome(case, seed):
    prior, scheme = case
    rng = np.random.default_rng(seed)
    response = rng.dirichlet(np.ones(3), size=(prior.shape[0], scheme.shape[1]))
    utility = rng.normal(size=(*prior.shape, 3))
    law = jg.outcome(jnp.asarray(prior), jnp.asarray(scheme), jnp.asarray(response))
    beliefs = jg.update(prior, scheme)
    values = jg.action_values(beliefs.posterior, jnp.asarray(utility))
    by_message = prior.sum(1)[:, None] * beliefs.probability * (values * response).sum(-1)
    np.testing.assert_allclose((law * utility).sum(), by_message.sum(), atol=1e-13)


@pytest.mark.parametrize(
    ("prior", "scheme", "message"),
    [
        ([0.5, 0.5], np.ones((3, 1)), r"scheme has shape \(3, 1\); it must be \[S, M\] with S = 2"),
        ([0.5, 0.5], np.ones((2, 0)), r"at least one message"),
        ([0.5, 0.5], np.full((2, 2), 0.4), r"scheme sums to 0\.8 along axis -1"),
        ([0.5, 0.5], [[np.nan, 1.0], [0.5, 0.5]], r"scheme\[0, 0\] is nan"),
        ([0.5, 0.6], np.full((2, 2), 0.5), r"prior sums to 1\.1"),
        (np.ones((1, 1, 1)), np.ones((1, 1)), r"prior has shape \(1, 1, 1\)"),
    ],
)
def test_bad_input_is_named(prior, scheme, message):
    with pytest.raises(ValueError, match=message):
        jg.update(jnp.asarray(prior), jnp.asarray(scheme))


def test_joint_schemes_must_agree_in_states():
    with pytest.raises(ValueError, match="got no schemes"):
        jg.joint_scheme()
    with pytest.raises(ValueError, match=r"scheme 1 has shape \(3, 1\); it must be \[S, M\] with S = 2"):
        jg.joint_scheme(jnp.ones((2, 1)), jnp.ones((3, 1)))
