"""Asking models for scores, against a server on this machine that answers, fails, and dies by rule."""

import numpy as np
import polars as pl
import pytest

from jaxgame.elicit import elicit, estimate
from tests.chat_server import ChatServer, Reply


def settings(*servers, personas=2, **changes):
    """Models one per server, personas p0, p1 ..., who score by their number."""
    made = {
        "items": {"id": "item", "text": ["scenario"], "targets": ["human"]},
        "scale": {"low": 0, "high": 10, "low_means": "fine", "high_means": "wrong"},
        "models": [
            {"name": f"m{i}", "url": server.url, "model": f"org/model-{i}", "connections": 4}
            for i, server in enumerate(servers)
        ],
        "personas": [{"name": f"p{i}", "prompt": f"You are person {i}."} for i in range(personas)],
    }
    return made | changes


def items(number):
    return pl.DataFrame(
        {
            "item": [f"item {i}" for i in range(number)],
            "scenario": [f"Somebody does thing {i}." for i in range(number)],
            "human": [float(i % 7) for i in range(number)],
        }
    )


def said(body):
    """The numbers of item, persona and model in a request."""
    system, user = (message["content"] for message in body["messages"][:2])
    item = int(user.split("thing ")[1].split(".")[0])
    return item, int(system.split()[-1].rstrip(".")), int(body["model"][-1])


def by_number(body, before):
    item, persona, model = said(body)
    return Reply(f"{(3 * item + 2 * persona + 5 * model) % 11}")


def test_a_table(tmp_path):
    with ChatServer(by_number) as server:
        found = elicit(items(5), settings(server, server), tmp_path / "scores.parquet")
        assert estimate(items(5), settings(server, server), tmp_path / "scores.parquet")[0].requests == 0
    assert found.table.columns == ["item", "human", "m0/p0", "m0/p1", "m1/p0", "m1/p1"]
    want = [[(3 * i + 2 * p + 5 * m) % 11 for m in (0, 1) for p in (0, 1)] for i in range(5)]
    np.testing.assert_array_equal(found.table[:, 2:].to_numpy(), want)
    print(found.note, found.paths)
