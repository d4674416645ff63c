"""From schemes to beliefs: message probabilities, posteriors, and several leaders at once."""

from typing import TYPE_CHECKING

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
from jaxgame.core.record import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@record
class Beliefs:
    """What the follower expects to hear and what she then believes, for each of her types.

    `probability` [T, M] is the law of messages, P(m | t), `posterior` [T, M, S] what each of them makes her
    believe of the state, P(s | t, m).
    """

    probability: Float[Array, "T M"]
    posterior: Float[Array, "T M S"]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw a stem for each message: how likely it is, over the belief it leaves her with.

        For two states; messages with one belief share a stem, with their indices above it. `ax` are axes of
        Matplotlib to draw on (None: new ones), which are returned.

        Raises ValueError if there are not two states.
        """
        from jaxgame.drawing import beliefs

        return beliefs.messages(self, ax)


def update(prior: checks.Numbers, scheme: checks.Numbers) -> Beliefs:
    """Bayes' rule for messages drawn from `scheme[s, m] = P(m | s)` (theory, section 2).

    `prior[t, s] = P(t, s)`, or [S] with one type. Where Bayes' rule is silent the belief is the one
    the message cannot have changed: after a message of probability 0 the posterior is P(s | t), and
    for a type of probability 0 both are taken under the uniform law of s. Nothing is ever NaN, and
    neither carries weight in an expectation.

    Raises ValueError if shapes disagree, the prior does not sum to 1 or a row of the scheme does not.

    >>> import jax.numpy as jnp
    >>> import jaxgame as jg
    >>> judge = jnp.array([0.7, 0.3])
    >>> beliefs = jg.update(judge, jnp.array([[4 / 7, 3 / 7], [0.0, 1.0]]))
    >>> [round(float(p), 6) for p in beliefs.probability[0]]
    [0.4, 0.6]
    >>> [round(float(p), 6) for p in beliefs.posterior[0, 1]]
    [0.5, 0.5]
    """
    prior, scheme = checks.as_floats(prior, scheme)
    if prior.ndim == 1:
        prior = prior[None, :]
    if prior.ndim != 2:
        raise ValueError(f"prior has shape {prior.shape}; it must be [T, S] or [S]")
    if scheme.ndim != 2 or scheme.shape[0] != prior.shape[1] or scheme.shape[1] == 0:
        raise ValueError(
            f"scheme has shape {scheme.shape}; it must be [S, M] with S = {prior.shape[1]}, "
            "the number of states of prior, and at least one message"
        )
    checks.check_distribution("prior", prior)
    checks.check_distribution("scheme", scheme, axis=-1)

    belief = _normalise(prior, jnp.full_like(prior, 1 / prior.shape[1]))  # P(s | t)
    joint = belief[:, None, :] * scheme.T[None, :, :]  # P(s, m | t) as [T, M, S]
    return Beliefs(
        probability=joint.sum(axis=-1),
        posterior=_normalise(joint, jnp.broadcast_to(belief[:, None, :], joint.shape)),
    )


def joint_scheme(*schemes: Float[Array, "_ _"]) -> Float[Array, "S M"]:
    """The scheme [S, M] of hearing several leaders at once, whose messages are independent given the state.

    `schemes` are arrays [S, M_i], one for each leader, rows summing to 1. Messages of the result number
    prod(M_i); the last leader's message varies fastest. The posterior after it multiplies the leaders'
    likelihoods (theory, section 2). The result's size is exponential in the number of leaders.

    Raises ValueError without schemes or if they disagree in the number of states.
    """
    if not schemes:
        raise ValueError("joint_scheme got no schemes; it needs at least one array [S, M]")
    states = schemes[0].shape[0]
    joint = jnp.ones((states, 1), schemes[0].dtype)
    for leader, scheme in enumerate(schemes):
        if scheme.ndim != 2 or scheme.shape[0] != states:
            raise ValueError(f"scheme {leader} has shape {scheme.shape}; it must be [S, M] with S = {states}")
        joint = (joint[:, :, None] * scheme[:, None, :]).reshape(states, -1)
    return joint


def action_values(posterior: Float[Array, "T M S"], utility: Float[Array, "T S A"]) -> Float[Array, "T M A"]:
    """Expected utility of each action after each message, v[t,m,a] = sum_s P(s|t,m) u[t,s,a], as [T, M, A].

    `posterior` [T, M, S] is that of `Beliefs`, `utility` [T, S, A] the follower's or any leader's.
    """
    # Not einsum: many small matrix products run one by one on a CPU, products and sums fuse.
    return (posterior[:, :, :, None] * utility[:, None]).sum(2)


def outcome(
    prior: Float[Array, "T S"], scheme: Float[Array, "S M"], response: Float[Array, "T M A"]
) -> Float[Array, "T S A"]:
    """The joint law x[t,s,a] of type, state and action, [T, S, A]: the outcome of a scheme and a response.

    `prior` [T, S] is the law of type and state, `scheme` [S, M] that of messages given the state, `response`
    [T, M, A] = P(a | t, m) that of actions given type and message. Every player's expected utility is linear
    in it: `(x * utility).sum()` (theory, section 2).
    """
    sent = (scheme[None, :, :, None] * response[:, None]).sum(2)
    return prior[:, :, None] * sent


def _normalise(weights: Array, fallback: Array) -> Array:
    """Rescale the last axis to sum to 1; rows that sum to 0 become `fallback`, with finite gradients."""
    total = weights.sum(axis=-1, keepdims=True)
    possible = total > 0
    return divided(weights, total, possible, fallback)
