"""Scores a second, asked of a server on this machine that answers after 50 ms, by connections.

Ours is `jaxgame.elicit.elicit` as a user calls it: settings read, every answer written to a file as it comes,
table, note and logs at the end. The peer is the client of the `openai` package alone, with as many
connections, which keeps nothing and repeats nothing but what fails. The server is a process of its own.

Remarks: what a question takes of a processor, in milliseconds, of ours and of the peer: that bounds the rate.
"""

import asyncio
import functools
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openai
import polars as pl
from openai.types.chat import ChatCompletionSystemMessageParam

from benchmarks.timing import Cell
from jaxgame.elicit import elicit

CONNECTIONS = (4, 16, 64)
QUESTIONS = 500
DELAY = 0.05
USED: dict[str, float] = {}


def cells(quick: bool) -> Iterator[Cell]:
    """A row for each number of connections."""
    number = 40 if quick else QUESTIONS
    with serving() as url, tempfile.TemporaryDirectory() as directory:
        for connections in CONNECTIONS[:1] if quick else CONNECTIONS:
            tables = (Path(directory) / f"{connections}_{i}.parquet" for i in itertools.count())
            yield Cell(
                name="elicit",
                size=f"{connections} connections",
                ours=functools.partial(asked, url, number, connections, tables),
                count=number,
                peer="openai client",
                theirs=functools.partial(alone, url, number, connections),
                their_count=number,
                remark=lambda: f"{USED['ours']:.1f} ms a question, the peer {USED['peer']:.1f}",
            )


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that answers each question with the number in it."""
    command = [sys.executable, "-m", "tests.chat_server", str(DELAY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def texts(number: int) -> list[str]:
    """What is asked; the server knows the answers."""
    return [f"Somebody does thing {i % 11}. Case {i}." for i in range(number)]


def asked(url: str, number: int, connections: int, tables: Iterator[Path]) -> np.ndarray:
    """The scores by `elicit`, into a new table each time: nothing is known from before."""
    settings = {
        "items": {"text": ["text"]},
        "scale": {"low": 0, "high": 10, "low_means": "fine", "high_means": "wrong"},
        "models": [{"name": "m", "url": url, "model": "m", "connections": connections}],
        "personas": [{"name": "p", "prompt": "You are somebody."}],
    }
    items = pl.DataFrame({"item": list(range(number)), "text": texts(number)})
    began = time.process_time()
    found = elicit(items, settings, next(tables))
    USED["ours"] = 1000 * (time.process_time() - began) / number
    return found.table["m/p"].to_numpy()


def alone(url: str, number: int, connections: int) -> np.ndarray:
    """The same scores by the client alone."""

    async def everything() -> list[float]:
        window = asyncio.Semaphore(connections)
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:

            async def one(text: str) -> float:
                frame: ChatCompletionSystemMessageParam = {"role": "system", "content": "You are somebody."}
                async with window:
                    said = await client.chat.completions.create(
                        model="m", messages=[frame, {"role": "user", "content": text}]
                    )
                return float(said.choices[0].message.content or "nan")

            return await asyncio.gather(*map(one, texts(number)))

    began = time.process_time()
    found = np.array(asyncio.run(everything()))
    USED["peer"] = 1000 * (time.process_time() - began) / number
    return found
