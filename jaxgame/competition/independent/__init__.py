"""Leaders who send independent signals, one scheme each: best responses, dynamics, laws of outcomes.

Read `private` first, the problem a leader faces, and `entry`, how a caller's game becomes the standard one.
Then

- `reply`: a best response, by the method that fits: `closure` (two states), `smooth` (two states and a logit
  follower), the linear program of `jaxgame.persuasion`, or `ascent` (any game), mended by `restricted`;
- `profile`: what a profile of schemes leads to, and how far apart deviations are;
- `dynamics`: leaders who revise in turn, and what they could gain where that ends.
"""
