"""What a conversation costs: the follower's exact best reply, law of transcripts included, by its size.

The cost should be linear in the number of transcripts, L = M^R N^(R-1), whatever rounds and alphabets make it
up. Peer: the same recursion in NumPy, one game after the other.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.timing import Cell, Row
from jaxgame import plot
from jaxgame.conversation import Protocol, best_reply
from jaxgame.core.game import Game
from jaxgame.runs.batch import CPU_BATCH, spread

TYPES, STATES, ACTIONS = 2, 4, 3

# Rounds R, messages M, replies N: longer ones, then wider ones.
LONGER = [(2, 2, 2), (3, 2, 2), (4, 2, 2), (5, 2, 2), (6, 2, 2), (7, 2, 2), (8, 2, 2)]
WIDER = [(2, 4, 4), (2, 8, 8), (2, 16, 16), (2, 32, 32)]

# Games times transcripts of a cell, and of what is computed at a time: more would not stay in a core's cache.
WORK = 2**20
LANES = 2**11


def cells(quick: bool) -> Iterator[Cell]:
    """Each protocol, on as many games as make the same number of transcripts."""
    rng = np.random.default_rng(0)
    for choice in (*LONGER[: 2 if quick else None], *WIDER[: 1 if quick else None]):
        protocol = Protocol(*choice)
        count = max(2, WORK // protocol.transcripts // (64 if quick else 1))
        prior = rng.dirichlet(np.ones(TYPES * STATES), size=count).reshape(count, TYPES, STATES)
        utility = rng.random((count, TYPES, STATES, ACTIONS))
        rules = rng.dirichlet(
            np.ones(protocol.leader_messages), size=(count, STATES, protocol.leader_histories)
        )
        lanes = max(1, min(CPU_BATCH, LANES // protocol.transcripts))
        program = spread(functools.partial(_value, protocol), jax.devices(), lanes)
        few = min(count, 64)
        yield Cell(
            name="conversation",
            size=f"R{choice[0]} M{choice[1]} N{choice[2]}",
            ours=functools.partial(_ours, program, prior, utility, rules),
            count=count,
            peer="NumPy, one by one",
            theirs=functools.partial(_theirs, choice, prior[:few], utility[:few], rules[:few]),
            their_count=few,
            remark=functools.partial(_memory, program, protocol, prior, utility, rules),
        )


def _value(protocol: Protocol, prior: Any, utility: Any, rule: Any) -> Any:
    return best_reply(Game(prior, utility, utility[None]), protocol, rule).value


def _ours(program: jax.stages.Wrapped, *arguments: np.ndarray) -> np.ndarray:
    return np.asarray(program(*arguments))


def _theirs(
    choice: tuple[int, int, int], prior: np.ndarray, utility: np.ndarray, rules: np.ndarray
) -> np.ndarray:
    return np.array([_numpy(choice, *game) for game in zip(prior, utility, rules, strict=True)])


def _numpy(choice: tuple[int, int, int], prior: np.ndarray, utility: np.ndarray, rule: np.ndarray) -> float:
    rounds, messages, replies = choice
    said, at = np.ones((len(rule), 1)), 0
    for number in range(rounds):
        histories = (messages * replies) ** number
        said = (said[:, :, None] * rule[:, at : at + histories]).reshape(len(rule), -1)
        if number < rounds - 1:
            said = said.repeat(replies, 1)
        at += histories
    value = np.einsum("ts,sl,tsa->tla", prior, said, utility, optimize=True).max(2)
    for _ in range(rounds - 1):
        value = value.reshape(len(prior), -1, replies, messages).sum(3).max(2)
    return float(value.sum())


def _memory(program: jax.stages.Wrapped, protocol: Protocol, *arguments: np.ndarray) -> str:
    transcripts = protocol.transcripts * len(arguments[0])
    memory: Any = program.lower(*arguments).compile().memory_analysis()
    work = "unknown" if memory is None else f"{memory.temp_size_in_bytes / transcripts:.1f}"
    return f"{protocol.transcripts} transcripts a game; {work} bytes of work for each of all games' together"


def figure(rows: Sequence[Row], directory: Path) -> list[Path]:
    """Seconds a game against transcripts, longer and wider conversations apart."""
    fig, (axes,) = plot.new_figure(
        "What a conversation costs",
        f"The follower's best reply, T = {TYPES}, S = {STATES}, A = {ACTIONS}; R rounds of M messages with N "
        f"replies between. Grey: proportional to the number of transcripts. {rows[0].device}, float64, "
        "medians of repeats.",
        1,
    )
    points = []
    for row in rows:
        rounds, messages, replies = (int(part[1:]) for part in row.size.split())
        transcripts = Protocol(rounds, messages, replies).transcripts
        points.append((replies > 2, transcripts, 1e6 / row.ours_per_s))
    reach = np.array([min(p[1] for p in points), max(p[1] for p in points)])
    per = np.median([seconds / count for _, count, seconds in points])
    axes.plot(reach, per * reach, color="0.7", linewidth=4, alpha=0.6)
    names = ("longer (M = N = 2)", "wider (R = 2)")
    for wide, colour, marker in zip((False, True), plot.shades(2), plot.MARKERS, strict=False):
        line = np.array([p[1:] for p in points if p[0] == wide]).T
        axes.plot(*line, color=colour, marker=marker, label=names[wide])
    axes.set(xscale="log", yscale="log", xlabel="transcripts L", ylabel="microseconds a game")
    axes.legend(frameon=False)
    return plot.save(fig, directory)
