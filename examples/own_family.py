"""A law of random games of your own: 200 draws, one figure.

Models share the user's utility, but each is paid for a few actions that its owner sells. Change `sample`,
the sizes or the diversities and run it again: `python examples/own_family.py [FOLDER]` writes figure.png and
figure.pdf into FOLDER (by default outputs/own_family).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array

import jaxgame as jg
from jaxgame import plot
from jaxgame.sampling import Shape
from jaxgame.summary import bracket_summary

jax.config.update("jax_enable_x64", True)  # before any array is made

LEADERS = [1, 2, 4, 8]
DIVERSITY = [0.0, 0.5, 1.0]
SHAPE = Shape(leaders=max(LEADERS), types=1, states=2, actions=4)
DRAWS = 200


@dataclass(frozen=True)
class Sellers:
    """U_i = u + pay for each action that leader i's owner sells.

    With diversity 0 all sell the same actions, with 1 each draws its own.
    """

    pay: float = 0.5  # in the user's utility units, which are uniform on [0, 1]

    def sample(self, key: Array, shape: Shape, diversity: Array) -> jg.Game:
        """Draw one game; leader i from a key of its own, so that more leaders do not change the first."""
        prior_key, user_key, common_key, own_key = jax.random.split(key, 4)
        prior = jax.random.exponential(prior_key, (shape.types, shape.states))
        user = jax.random.uniform(user_key, (shape.types, shape.states, shape.actions))
        common = jax.random.bernoulli(common_key, 0.5, (shape.actions,))

        def sold(i: Array) -> Array:
            own, choice = jax.random.split(jax.random.fold_in(own_key, i))
            private = jax.random.bernoulli(own, 0.5, (shape.actions,))
            return jnp.where(jax.random.bernoulli(choice, diversity), private, common)

        sales = jax.vmap(sold)(jnp.arange(shape.leaders)).astype(user.dtype)
        return jg.Game(prior / prior.sum(), user, user[None] + self.pay * sales[:, None, None, :])


def distances(key: Array) -> dict[str, jg.Bracket]:
    """One draw: the distance to the hull of the first K leaders, [diversity, K]."""

    def at(diversity: Array) -> jg.Bracket:
        game = Sellers().sample(key, SHAPE, diversity)

        def among(first: Array) -> jg.Bracket:  # the first K, repeated: one size, one program
            return jg.game_hull_distance(jg.Game(game.prior, game.follower, game.leaders[first])).distance

        return jax.vmap(among)(jnp.stack([jnp.arange(SHAPE.leaders) % k for k in LEADERS]))

    return {"eps": jax.vmap(at)(jnp.array(DIVERSITY))}


def main(folder: Path) -> None:
    """Draw, summarise, plot."""
    coordinates = {"diversity": DIVERSITY, "leaders": LEADERS}
    table = jg.run_draws(distances, DRAWS, seed=0, coordinates=coordinates)
    summary = bracket_summary(table, "eps", ["diversity", "leaders"])
    print("diversity  leaders  median  mean")
    for row in summary.select("diversity", "leaders", "eps_median", "eps_mean").iter_rows():
        print("{:9.1f}  {:7}  {:6.3f}  {:.3f}".format(*row))

    caption = f"Median and quartiles, {DRAWS} draws; widest bracket {summary['eps_widest'].max():.0e}."
    figure, (axes,) = plot.new_figure("Do sellers cover the user?", caption, panels=1)
    plot.band(axes, summary, "leaders", "eps_median", "eps_q25", "eps_q75", "diversity", "diversity {}")
    plot.leaders_axis(axes, LEADERS)
    axes.set_ylabel("distance to the hull, utility units")
    axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    print("figure:", plot.save(figure, folder)[0])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/own_family"))
