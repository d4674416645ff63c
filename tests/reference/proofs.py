"""Proofs judged a second time, by theory.md alone (sections 3, 4, 6, 9, 12, 14); no code is shared.

Arrays of Fractions and the bounds of `exact`. Conditions are judged in another order than there: intervals
where each claim is made, then all of them together as a cover.
"""

import itertools
import json
from fractions import Fraction

import numpy as np

from tests.reference import exact


class Wrong(Exception):
    """What is claimed does not follow."""


def judge(document) -> None:
    """Raises Wrong unless every claim of a document (dictionaries, lists, numbers) follows from it."""
    kinds = {
        "best-AI selection": _selection,
        "best response": _best_response,
        "exploitability": _exploitability,
        "hull distance": _hull,
        "regrets": _regrets,
        "coalition cover": _cover,
        "rejection depth": _depth,
    }
    kinds[document["kind"]](document)


def read(path):
    """A file's document: numbers and quotients as Fractions."""
    found = json.loads(path.read_text(), parse_float=Fraction, parse_int=Fraction)
    return _quotients(found)


def _quotients(data):
    if isinstance(data, dict):
        return {key: _quotients(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_quotients(value) for value in data]
    return Fraction(data) if isinstance(data, str) and "/" in data else data


def _require(good, what) -> None:
    if not good:
        raise Wrong(what)


def _place(number, count) -> int:
    _require(number == int(number) and 0 <= number < count, "a place in a list is none")
    return int(number)


def _array(data) -> np.ndarray:
    return np.array(data, dtype=object)


class _Game:
    """Prior, follower, leaders; what schemes are worth."""

    def __init__(self, data):
        self.p, self.u, self.leaders = (_array(data[name]) for name in ("prior", "follower", "leaders"))
        _require(self.p.min() >= 0 and abs(self.p.sum() - 1) <= Fraction(1, 10**9), "the prior is no law")
        self.alone = len(self.leaders) == 1
        self.none = exact.no_information(self.p, self.u)
        self.opt = exact.full_information(self.p, self.u)

    def complete(self, numbers) -> np.ndarray:
        """Probabilities [S, M]: what is missing names what is best in each state."""
        y = _array(numbers)
        types, states, actions = self.u.shape
        maps = exact.recommendations(types, actions)
        _require(y.shape == (states, len(maps)) and min(y.flat) >= 0, "a scheme is no scheme")
        for s in range(states):
            rest = 1 - sum(y[s])
            _require(rest >= 0, "probabilities above 1")
            best = tuple(next(a for a in range(actions) if u[s, a] == max(u[s])) for u in self.u)
            y[s, maps.index(best)] += rest
        missed = exact.violations(self.p, self.u, self.none, y)
        _require(missed.obedience <= 0 and missed.marginal == 0 and missed.negative == 0, "disobedience")
        return y

    def worth(self, y):
        return exact.attained(self.p, self.u, y)

    def earned(self, y, j):
        return exact.attained(self.p, self.leaders[j], y)

    def most(self, j, value, proof):
        """f_j(value) is at most this."""
        return self.bound(self.leaders[j], value, proof["multipliers"], proof["price"])

    def bound(self, utility, value, multipliers, price):
        try:
            return exact.dual_bound(self.p, self.u, utility, value, _array(multipliers), price)
        except ValueError as error:
            raise Wrong(str(error)) from error


def _selection(document) -> None:
    game = _Game(document["game"])
    slack = document["slack"]
    _require(min(slack) >= 0 and len(slack) == len(game.leaders), "slack")
    offers = [game.complete(numbers) for numbers in document["schemes"]]

    def offer(place):
        return offers[_place(place, len(offers))]

    excluded = []
    for interval in document["intervals"]:
        low, high, end = interval["low"], interval["high"], interval["end"]
        alpha, beta, weights = interval["weight_of_low"], interval["weight_of_high"], interval["weights"]
        _require(low <= high <= end and len(weights) == len(game.leaders), "an interval is none")
        _require(min(alpha, beta, *weights) >= 0, "a weight is negative")
        # What each condition asks, counted from the value low; V - low takes the place of V.
        total, asked = (alpha - beta) * game.u, alpha * low - beta * high
        for j, (w, (first, second)) in enumerate(zip(weights, interval["chords"], strict=True)):
            at_low, at_end = game.earned(offer(first), j), game.earned(offer(second), j)
            slope = Fraction(0)
            if not game.alone:
                _require(game.worth(offer(first)) >= low, "the chord's first offer")
                _require(game.worth(offer(second)) >= end, "the chord's second offer")
                slope = (at_end - at_low) / (end - low) if end > low else slope
            total = total + w * (game.leaders[j] - slope * game.u)
            asked += w * (at_low - slope * low - slack[j])
        most = game.bound(total, 0, interval["multipliers"], 0)
        _require(most < asked, f"values from {float(low)} are not excluded")
        excluded.append((low, high))

    reached = game.none
    for low, high in sorted(excluded):
        if low <= reached:
            reached = max(reached, high)
    _require(document["value"] <= min(reached, game.opt), "more is claimed than excluded")

    found = document["equilibrium"]
    x = offer(found["scheme"])
    worth = game.worth(x)
    _require(worth <= found["worth"], "the equilibrium is worth more")
    _require(min(found["gains"]) >= 0 and len(found["gains"]) == len(game.leaders), "gains")
    if game.alone or worth != game.opt:
        value = game.none if game.alone else worth
        for j, (gain, proof) in enumerate(zip(found["gains"], found["outbidding"], strict=True)):
            _require(game.most(j, value, proof) - game.earned(x, j) <= gain, "a leader gains more")


def _best_response(document) -> None:
    game, value = _Game(document["game"]), document["threshold"]
    j = _place(document["leader"], len(game.leaders))
    y = game.complete(document["scheme"])
    _require(game.worth(y) >= value, "the threshold")
    _require(document["lower"] <= game.earned(y, j), "the lower end")
    _require(game.most(j, value, document["outbidding"]) <= document["upper"], "the upper end")


def _exploitability(document) -> None:
    game = _Game(document["game"])
    j = _place(document["leader"], len(game.leaders))
    x, offer = game.complete(document["scheme"]), game.complete(document["offer"])
    value = game.none if game.alone else game.worth(x)
    _require(game.worth(offer) >= value, "the offer does not outbid")
    _require(document["lower"] <= game.earned(offer, j) - game.earned(x, j), "the lower end")
    _require(len(document["outbidding"]) == len(game.leaders), "a leader is left out")
    most = max(game.most(j, value, z) - game.earned(x, j) for j, z in enumerate(document["outbidding"]))
    _require(most <= document["upper"], "the upper end")


def _hull(document) -> None:
    target, utilities = _array(document["target"]), _array(document["utilities"])
    labels = document["groups"]
    _require(all(x == int(x) and 0 <= x < len(target) for x in labels), "a label is no small integer")
    _require(len(labels) in (0, len(target)), "labels")
    groups = np.array([int(x) for x in labels]) if labels else None
    norm, scale, prior = document["norm"], document["scale"], document["prior"]
    weights, measure = _array(document["weights"]), _array(document["measure"])
    _require(labels or norm != "mean", "the norm mean without groups")
    _require(norm in ("sup", "square", "mean") and scale in ("simplex", "cone"), "an option")
    power = 2 if norm == "square" else 1
    try:
        most = exact.hull_upper(target, utilities, weights, groups, scale, norm, prior)
    except (ValueError, ZeroDivisionError) as error:
        raise Wrong(str(error)) from error
    _require(most <= document["upper"] ** power, "the upper end")
    if document["lower"] > 0:  # a distance is at least 0 anyhow
        centred = exact._centred(measure, groups)
        if scale == "cone":
            _require(max(utilities @ centred) <= 0, "a leader is not excluded")
        if norm == "mean":
            mass = (sum(max(x, 0) for x in centred[place]) for place in exact._places(groups))
            _require(all(m <= p for m, p in zip(mass, prior, strict=True)), "mass")
        least = exact.hull_lower(target, utilities, measure, groups, scale, norm, prior)
        _require(document["lower"] ** power <= least, "the lower end")


def _regrets(document) -> None:
    game, law = _Game(document["game"]), document["law"]
    count = len(game.leaders)
    _require(count > 1 and min(law) >= 0 and sum(law) == 1, "the law is none")
    offers = [game.complete(numbers) for numbers in document["schemes"]]
    rounds = [[_place(x, len(offers)) for x in row] for row in document["profiles"]]
    _require(len(rounds) == len(law) and all(len(row) == count for row in rounds), "profiles")
    _require(len(document["outbidding"]) == len(document["regrets"]) == count, "leaders")
    worth = [game.worth(x) for x in offers]
    ranked = [sorted(range(count), key=lambda i: (-worth[row[i]], i)) for row in rounds]
    for j, lines in enumerate(document["outbidding"]):
        pays = [game.earned(x, j) for x in offers]
        first = [next(i for i in order if i != j) for order in ranked]
        rival = [worth[row[i]] for row, i in zip(rounds, first, strict=True)]
        theirs = [pays[row[i]] for row, i in zip(rounds, first, strict=True)]
        had = sum(p * pays[row[order[0]]] for p, row, order in zip(law, rounds, ranked, strict=True))
        # All that she may be offered: nothing that wins, as much as a rival, and a bit more.
        marks = sorted(set(rival))
        tried = [(min(marks) - 1, None)] + [(v, v) for v in marks]
        tried += [((v + w) / 2, v) for v, w in zip(marks, [*marks[1:], marks[-1] + 1], strict=True)]
        for v, level in tried:
            best = 0 if level is None else min(game.most(j, level, line) for line in lines)
            wins = [v > r or (v == r and j < i) for r, i in zip(rival, first, strict=True)]
            earned = sum(p * (best if w else t) for p, w, t in zip(law, wins, theirs, strict=True))
            _require(earned - had <= document["regrets"][j], "a leader regrets more")


def _panel(document):
    """Scores [M] and [N, M] of the proposals."""
    principal, reviewers, directions = (_array(document[x]) for x in ("principal", "reviewers", "directions"))
    _require(directions.shape[1:] == principal.shape == reviewers.shape[1:], "a panel is none")
    return directions @ principal, reviewers @ directions.T


def _mixed(document, p):
    mixture = _array(document["mixture"])
    _require(mixture.shape == p.shape and min(mixture) >= 0 and sum(mixture) <= 1, "a mixture is none")
    return mixture


def _eta(weights, p, r):
    """What u_P - sum w u, which is to be in the dual cone, misses of it at most."""
    weights = _array(weights)
    _require(weights.shape == r.shape[:1] and min(weights) >= 0, "weights are none")
    return max(0, -min(p - weights @ r))


def _cover(document) -> None:
    p, r = _panel(document)
    members = [_place(x, len(r)) for x in document["members"]]
    mixture = _mixed(document, p)
    _require(all(score >= 0 for score in r[members] @ mixture), "a member objects")
    _require(0 <= document["lower"] <= max(0, -(p @ mixture)), "the lower end")
    others = [w for i, w in enumerate(document["weights"]) if i not in members]
    _require(not any(others), "weights of others")
    _require(document["upper"] >= _eta(document["weights"], p, r), "the upper end")


def _depth(document) -> None:
    p, r = _panel(document)
    harm, count = document["harm"], len(r)
    lower, upper = (_place(document[end], count + 2) for end in ("lower", "upper"))
    _require(harm > 0, "harm")
    if upper <= count:
        mixture = _mixed(document, p)
        _require(-(p @ mixture) >= harm and sum(r @ mixture < 0) <= upper, "the upper end")
    _require(all(_eta(weights, p, r) < harm for weights in document["covers"]), "a cover")
    used = [{i for i, w in enumerate(weights) if w > 0} for weights in document["covers"]]
    # Whoever lower - 1 are removed, a cover is left.
    for removed in itertools.combinations(range(count), max(lower - 1, 0)):
        _require(lower == 0 or any(not one & set(removed) for one in used), "the lower end")
