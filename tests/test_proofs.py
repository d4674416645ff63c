"""Proofs are rechecked by two checkers that share nothing; what is tampered with is rejected by both."""

import copy
import itertools
import json
import subprocess
import sys
from fractions import Fraction
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

import jaxgame as jg
from jaxgame import coalition, verify
from jaxgame.cli import app
from jaxgame.persuasion.proving import prove_best_response
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards, to_json, to_text
from jaxgame.proof.schemes import exact_game, obeyed
from jaxgame.verify.best_ai_selection import Game
from jaxgame.verify.reading import Place
from tests import kinds
from tests.reference import coalition as coalitions
from tests.reference import exact as reference
from tests.reference import proofs

ROOT = Path(__file__).parents[1]
SAVED = sorted((Path(__file__).parent / "data" / "proofs").glob("*.json"))
SCHEMA = json.loads((resources.files("jaxgame.proof") / "proof.schema.json").read_text("utf-8"))

# The judge (theory, section 5) by hand: two prosecutors leave 7/10; a prosecutor and a defender reveal all.
JUDGE = {
    "prior": [[Fraction(7, 10), Fraction(3, 10)]],
    "follower": [[[1, 0], [0, 1]]],
    "leaders": [[[[0, 1], [0, 1]]], [[[1, 0], [1, 0]]]],
}
NONE = [[[0, 0]], [[0, 0]]]


def by_hand():
    """Prosecutor and defender: below OPT one of them gains by revealing all.

    f_1 + f_2 >= 3/10 + 7/10 by full information, and U_1 + U_2 = 1 at every outcome, so that weights alone
    exclude nothing: f_1(v) = 3/5 + 7/10 - v and f_2(v) = 7/10 + ... = 17/10 - v, whose sum is above 1.
    """
    full, convict, acquit = [[0, 0], [0, 0]], [[Fraction(4, 7), Fraction(3, 7)], [0, 1]], [[1, 0], [1, 0]]
    interval = {
        "low": Fraction(7, 10),
        "high": Fraction(99, 100),
        "end": Fraction(1),
        "chords": [[1, 0], [2, 0]],
        "weights": [1, 1],
        "weight_of_low": 0,
        "weight_of_high": 0,
        "multipliers": NONE,
    }
    # On [7/10, 1] the chords sum to 8/5 at the lower end and to 1 at the upper one.
    return {
        "schema_version": 1,
        "kind": "best-AI selection",
        "game": JUDGE,
        "slack": [0, 0],
        "value": Fraction(99, 100),
        "intervals": [interval | {"weight_of_high": 2}],
        "equilibrium": {"scheme": 0, "worth": 1, "gains": [0, 0], "outbidding": []},
        "schemes": [full, convict, acquit],
    }


def agreed(document) -> bool:
    """What both checkers say."""
    first = verify.check_document(document)
    try:
        proofs.judge(document)
    except proofs.Wrong as error:
        assert not first.proved, f"only the second checker rejects: {error}"
        return False
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # of what is no proof any more
        assert not first.proved
        return False
    assert first.proved, f"only the first checker rejects: {first.sentence}"
    return True


def test_a_proof_by_hand():
    document = by_hand()
    assert agreed(document)
    said = verify.check_document(document).sentence
    assert "is worth less than 0.99 to the follower" in said and "gains more than 0 by outbidding it" in said


def changed(change, document=None):
    document = copy.deepcopy(document or by_hand())
    change(document)
    return document


REFUSED = {
    "value above what is excluded": lambda x: x.update(value=Fraction(991, 1000)),
    "value above OPT": lambda x: x.update(value=2),
    "interval dropped": lambda x: x.update(intervals=[]),
    "interval that starts too high": lambda x: x["intervals"][0].update(low=Fraction(71, 100)),
    "interval that reaches OPT": lambda x: x["intervals"][0].update(high=1),
    "end below high": lambda x: x["intervals"][0].update(end=Fraction(98, 100)),
    "chord of a worse offer": lambda x: x["intervals"][0].update(chords=[[1, 1], [2, 0]]),
    "chord of no offer": lambda x: x["intervals"][0].update(chords=[[1, 7], [2, 0]]),
    "negative weight": lambda x: x["intervals"][0].update(weight_of_low=Fraction(-1)),
    "negative multiplier": lambda x: x["intervals"][0].update(multipliers=[[[0, -1]], [[0, 0]]]),
    "no weights": lambda x: x["intervals"][0].update(weights=[0, 0], weight_of_high=0),
    "leaders swapped": lambda x: x["game"]["leaders"].reverse(),
    "slack forgotten": lambda x: x.update(slack=[1, 1]),
    "negative slack": lambda x: x.update(slack=[-1, 0]),
    "scheme that is not obeyed": lambda x: x["schemes"][1].__setitem__(0, [Fraction(1, 2), Fraction(1, 2)]),
    "scheme of more than 1": lambda x: x["schemes"][1].__setitem__(1, [1, 1]),
    "negative scheme": lambda x: x["schemes"][1].__setitem__(1, [-1, 2]),
    "prior that is none": lambda x: x["game"].update(prior=[[Fraction(6, 10), Fraction(3, 10)]]),
    "negative prior": lambda x: x["game"].update(prior=[[Fraction(13, 10), Fraction(-3, 10)]]),
    "equilibrium worth more": lambda x: x["equilibrium"].update(worth=Fraction(99, 100)),
    "equilibrium unproved": lambda x: x["equilibrium"].update(scheme=1),
    "negative gain": lambda x: x["equilibrium"].update(gains=[0, -1]),
    "too few gains": lambda x: x["equilibrium"].update(gains=[0]),
    "nothing there": lambda x: x.pop("equilibrium"),
    "a text": lambda x: x.update(value="much"),
    "a truth value": lambda x: x.update(value=True),
    "a quotient by 0": lambda x: x.update(value="1/0"),
}


# What follows from the rest, but for one line: each is wrong in nothing else.
REFUSED |= {
    "gap below an interval": lambda x: (
        x["schemes"].append([[1, 0], [Fraction(1, 2), Fraction(1, 2)]]),
        x["intervals"][0].update(
            low=Fraction(71, 100), chords=[[0, 0], [3, 0]], weight_of_high=Fraction(15, 29)
        ),
    ),
    "beyond the chords": lambda x: x["intervals"][0].update(
        end=Fraction(7, 10), chords=[[1, 1], [2, 2]], weight_of_high=0
    ),
    "a leader gains": lambda x: x["equilibrium"].update(
        scheme=1, outbidding=[{"multipliers": NONE, "price": 1}] * 2
    ),
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_is_wrong_is_rejected_by_both(change):
    assert not agreed(changed(REFUSED[change]))


def test_ties_at_opt_are_no_room_for_claims_above_it():
    """Where she does not care one of two leaders could always gain: no proof that there is no equilibrium."""
    document = by_hand()
    document["game"] = JUDGE | {"follower": [[[1, 1], [1, 1]]]}
    document["schemes"] = [[[0, 1], [0, 1]], [[1, 0], [1, 0]]]
    interval = document["intervals"][0]
    interval.update(low=1, high=1, end=1, chords=[[0, 0], [1, 1]], weight_of_high=0)
    document["value"] = 1
    assert agreed(document)
    interval.update(low=0, high=1, chords=[[0, 0], [1, 1]])
    assert agreed(document)
    document["value"] = 1 + Fraction(1, 10**9)
    interval.update(high=document["value"], end=document["value"])
    assert not agreed(document)
    assert "chord" in verify.check_document(document).sentence
    interval.update(chords=[[0, 0], [1, 1]], end=1, high=1)
    assert not agreed(document)


# The other kinds, by hand

PROOF = {"multipliers": NONE, "price": 1}
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
RESPONSE = {
    "schema_version": 1,
    "kind": "best response",
    "game": JUDGE,
    "leader": 0,
    "threshold": Fraction(17, 20),
    "lower": Fraction(9, 20),
    "upper": Fraction(9, 20),
    "scheme": [[Fraction(11, 14), Fraction(3, 14)], [0, 1]],  # 3/20 of the innocents are convicted
    "outbidding": PROOF,
}
GAIN = {
    "schema_version": 1,
    "kind": "exploitability",
    "game": JUDGE,
    "scheme": [[1, 0], [1, 0]],  # nobody is: the prosecutor gains 3/5
    "lower": Fraction(3, 5),
    "upper": Fraction(3, 5),
    "leader": 0,
    "offer": [[Fraction(4, 7), Fraction(3, 7)], [0, 1]],
    "outbidding": [PROOF, PROOF],
}


def distance(norm, scale, **change):
    """Of (0, 1, 0, 1) from (1, 1, 0, 0) and (0, 0, 1, 1) with an offset for each half: no mixture matters."""
    document = {
        "schema_version": 1,
        "kind": "hull distance",
        "target": [0, 1, 0, 1],
        "utilities": [[1, 1, 0, 0], [0, 0, 1, 1]],
        "groups": [0, 0, 1, 1],
        "prior": [QUARTER, 1 - QUARTER] if norm == "mean" else [],
        "norm": norm,
        "scale": scale,
        "lower": 1 if norm == "mean" else HALF,
        "upper": 1 if norm == "mean" else HALF,
        "weights": [2, 2],
        "measure": [-1, 1, -3, 3] if norm == "mean" else [-1, 1, -1, 1],
    }
    if norm == "mean":
        document["measure"] = [-QUARTER, QUARTER, QUARTER - 1, 1 - QUARTER]
    return document | change


# In half of the rounds prosecutor and defender reveal nothing, in half the prosecutor reveals all.
RIVALS = {
    "schema_version": 1,
    "kind": "regrets",
    "game": JUDGE,
    "law": [HALF, HALF],
    "profiles": [[1, 1], [0, 1]],
    "regrets": [Fraction(9, 20), 0],
    "outbidding": [[PROOF], [PROOF | {"price": 2}, PROOF]],
    "schemes": [[[0, 0], [0, 0]], [[1, 0], [1, 0]]],
}

# Two reviewers of a plane, who lean to either side of her; proposals along the axes.
PANEL = {
    "schema_version": 1,
    "principal": [0, 1],
    "reviewers": [[-1, 1], [1, 1], [2, 1]],
    "directions": [[1, 0], [-1, 0], [0, 1], [0, -1]],
}
TOGETHER = PANEL | {
    "kind": "coalition cover",
    "members": [0, 1],
    "lower": 0,
    "upper": 0,
    "mixture": [0, 0, 0, 0],
    "weights": [HALF, HALF, 0],
}
LEANING = PANEL | {
    "kind": "coalition cover",
    "members": [1],  # who approves of no more of (0, -1) than of (1, 0)
    "lower": HALF,
    "upper": HALF,
    "mixture": [HALF, 0, 0, HALF],
    "weights": [0, HALF, 0],
}
DEPTH = PANEL | {
    "kind": "rejection depth",
    "harm": QUARTER,
    "lower": 1,
    "upper": 1,
    "mixture": [HALF, 0, 0, HALF],  # the first objects, the second does not care
    "covers": [[HALF, HALF, 0], [Fraction(2, 3), 0, Fraction(1, 3)]],
}
HARMLESS = DEPTH | {"principal": [0, 0], "lower": 4, "upper": 4, "mixture": [0] * 4, "covers": [[0, 0, 0]]}

NORMS = [(norm, scale) for norm in ("sup", "square", "mean") for scale in ("simplex", "cone")]
KINDS = {
    "best response": RESPONSE,
    "exploitability": GAIN,
    "regrets": RIVALS,
    "cover": TOGETHER,
    "no cover": LEANING,
    "depth": DEPTH,
    "no harm": HARMLESS,
    **{f"{norm} {scale}": distance(norm, scale) for norm, scale in NORMS},
    "simplex": distance(
        "sup", "simplex", groups=[], target=[0, 2], utilities=[[0, 0], [1, 1]], weights=[0, 2],
        lower=1, upper=1, measure=[0, 7],
    ),
    "off centre": distance("sup", "cone", measure=[3, 5, 7, 9]),
    "cone without offset": distance(
        "sup", "cone", groups=[], utilities=[[-1, 0, 0, 0]], weights=[0],
        lower=1, upper=1, measure=[0, 1, 0, 1],
    ),
}  # fmt: skip
WRONG = {
    "best response": [
        {"lower": HALF}, {"upper": Fraction(4, 10)}, {"threshold": Fraction(86, 100)}, {"leader": 1},
        {"scheme": [[HALF, HALF], [0, 1]]}, {"outbidding": PROOF | {"price": 0}},
        {"outbidding": PROOF | {"price": -1}}, {"threshold": 0, "upper": 2, "scheme": [[0, 1], [0, 1]]},
        {"scheme": [[Fraction(11, 14), Fraction(3, 14)], [0, 2]]},
    ],
    "exploitability": [
        {"lower": Fraction(7, 10)}, {"upper": HALF}, {"leader": 1}, {"offer": [[0, 1], [0, 1]]},
        {"scheme": [[0, 0], [0, 0]]}, {"outbidding": [PROOF]},
        {"scheme": [[0, 0], [0, 0]], "lower": Fraction(3, 10), "upper": HALF},
    ],
    "regrets": [
        {"regrets": [Fraction(2, 5), 0]},
        {"regrets": [0, HALF]}, {"regrets": [HALF, -QUARTER]}, {"law": [HALF, QUARTER]}, {"law": [2, -1]},
        {"profiles": [[1, 1], [2, 1]]}, {"profiles": [[1, 1]]}, {"outbidding": [[PROOF], []]},
        {"outbidding": [[PROOF | {"price": 0}], [PROOF]]}, {"schemes": [[[0, 1], [0, 1]], [[1, 0], [1, 0]]]},
        {"game": JUDGE | {"leaders": JUDGE["leaders"][:1]}},
    ],
    "cover": [
        {"members": [1, 2]}, {"members": [0]}, {"weights": [HALF, QUARTER, 0]}, {"weights": [1, -1, 1]},
        {"lower": -1}, {"upper": -1}, {"mixture": [HALF, 0, 0, HALF], "lower": QUARTER},
    ],
    "no cover": [
        {"lower": HALF + QUARTER}, {"upper": QUARTER}, {"weights": [0, 1, 0]}, {"members": [0]},
        {"mixture": [1, 0, 0, 1]}, {"mixture": [2, 0, -1, HALF]}, {"members": [3]},
    ],
    "depth": [
        {"lower": 2}, {"upper": 0}, {"harm": 1}, {"harm": 0}, {"covers": []}, {"covers": [[HALF, 0, 0]]},
        {"mixture": [0, HALF, 0, HALF]}, {"mixture": [0, 0, 0, 0]}, {"lower": HALF}, {"lower": 5},
        {"upper": 5},
        {"covers": [[HALF, HALF, 0], [0, 0, QUARTER]]}, {"mixture": [1, 0, 0, 1]},
    ],
    "no harm": [{"covers": []}, {"covers": [[0, 0, 1]]}, {"upper": 3}],
    "sup simplex": [
        {"lower": HALF + QUARTER}, {"upper": QUARTER}, {"weights": [0, 0]}, {"weights": [1, -1]},
        {"measure": [1, -1, 1, -1]}, {"norm": "max"}, {"scale": "hull"}, {"target": [0, 2, 0, 2]},
    ],
    "square cone": [{"lower": HALF + QUARTER}, {"upper": QUARTER}, {"measure": [0, 0, 0, 0]}],
    "mean simplex": [
        {"lower": 2}, {"upper": HALF}, {"measure": [-1, 1, -3, 3]}, {"prior": [1, 1]}, {"prior": [0, 0]},
        {"groups": [], "prior": []},
    ],
    "simplex": [{"lower": Fraction(11, 10)}, {"weights": [1, 0]}],
    "cone without offset": [
        {"utilities": [[-1, 1, 0, 0]]},
        {"utilities": [[-1, 1, 0, 0], [0, 1, 0, 1]], "weights": [0, 1], "upper": 0},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_proofs_of_other_kinds_by_hand(kind):
    assert agreed(KINDS[kind]), verify.check_document(KINDS[kind]).sentence
    for change in WRONG.get(kind, []):
        assert not agreed(KINDS[kind] | change), change


# Saved proofs, and what random changes make of them


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_saved_proofs_hold(path, tmp_path):
    proof = Proof.load(path)
    assert agreed(proof.document)
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert proof.check() == verify.check(path)
    assert verify.read(proof.save(tmp_path / "again.json")) == verify.read(path)
    assert proofs.read(path) == proof.document


DOCUMENTS = [*(Proof.load(path).document for path in SAVED), by_hand(), *KINDS.values()]


def leaves(data, place=()):
    """Places of all numbers."""
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from leaves(data[key], (*place, key))
    elif isinstance(data, Fraction | int):
        yield place


def at(data, place):
    for key in place:
        data = data[key]
    return data


EVIDENCE = (
    *("schemes", "intervals", "multipliers", "outbidding", "weights", "measure", "scheme", "offer"),
    *("covers", "mixture", "law", "profiles"),
)


def tampered(document, rng):
    """A document with a random change: of a number, mostly; an interval less, leaders swapped, more claimed.

    Which part was changed: "evidence", "game" or "claim"; a claim is only made stronger.
    """
    other, kind = copy.deepcopy(document), rng.integers(10)
    if kind == 0 and other.get("intervals"):
        del other["intervals"][rng.integers(len(other["intervals"]))]
        return other, "dropped"
    if kind == 1 and "game" in other and len(set(map(str, other["game"]["leaders"]))) > 1:
        leaders = other["game"]["leaders"]
        i = rng.integers(len(leaders))
        j = next(j for j in range(len(leaders)) if leaders[j] != leaders[i])
        leaders[i], leaders[j] = leaders[j], leaders[i]
        return other, "swapped"
    step = Fraction(1, 10**6)
    if kind in (2, 3):
        claims = stronger(other)
        holder, name, sign = claims[rng.integers(len(claims))]
        holder[name] += sign * step
        return other, "claim"
    places = list(leaves(other))
    place = places[rng.integers(len(places))]
    if place[0] == "schema_version":
        return other, "nothing"
    holder = at(other, place[:-1])
    holder[place[-1]] += step * int(rng.choice([-1, 1]))
    return other, "evidence" if set(place) & set(EVIDENCE) else "game"


def stronger(document):
    """Where a document says what it proves, and which way that would be more: (holder, name, sign)."""
    claims = [(document, name, 1) for name in ("value", "lower") if name in document]
    claims += [(document, "upper", -1)] if "upper" in document else []
    claims += [(document["equilibrium"], "worth", -1)] if "equilibrium" in document else []
    return claims + [(document["regrets"], j, -1) for j in range(len(document.get("regrets", ())))]


def tamper(count, documents):
    """Counts of what both checkers say of tampered proofs."""
    rng, counts = np.random.default_rng(0), {}
    for n in range(count):
        document = documents[n % len(documents)]
        other, what = tampered(document, rng)
        proved = agreed(other)
        counts[what, proved] = counts.get((what, proved), 0) + 1
        if proved and what == "claim":
            raise AssertionError(f"more than was proved is accepted: {verify.check_document(other)}")
    return counts


def test_tampering_is_rejected_or_leaves_a_proof():
    counts = tamper(150, DOCUMENTS)
    assert sum(n for (_, proved), n in counts.items() if not proved) > 70
    assert ("claim", True) not in counts and ("claim", False) in counts


# Files


def test_a_file_that_is_no_proof_is_refused(tmp_path):
    path = tmp_path / "x.json"
    for text in ("", "[", "[]", "{}", '{"kind": "best-AI selection", "schema_version": 2}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(verify.NotAProof):
            verify.check(path)
    with pytest.raises(verify.NotAProof):
        Proof.load(path)
    with pytest.raises(OSError):
        verify.check(tmp_path / "none.json")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e99999", "1" * 5001, '"1/0"', '"1/03"', "true", '"x"']
)
def test_what_is_no_number_is_rejected(number, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(to_json(by_hand()).replace('"value": "99/100"', f'"value": {number}'))
    assert verify.check(path) == verify.Verdict(False, "rejected: value is no number", "value")


def test_the_command(tmp_path):
    run = CliRunner().invoke
    good, bad, none = (tmp_path / name for name in ("good.json", "bad.json", "none.json"))
    Proof(by_hand()).save(good)
    Proof(changed(REFUSED["value above OPT"])).save(bad)
    none.write_text("{}")
    for path, code, said in (
        (good, 0, "proved: no pure"),
        (bad, 1, "rejected: value is above"),
        (none, 2, ""),
    ):
        done = run(app, ["verify", str(path)])
        assert (
            done.exit_code == code and done.stdout.startswith(said) and done.stdout.count("\n") == (code < 2)
        )
        alone = subprocess.run(
            [sys.executable, "-m", "jaxgame.verify", str(path)], cwd=ROOT, capture_output=True, text=True
        )
        assert (alone.returncode, alone.stdout) == (code, done.stdout)
    assert run(app, ["verify", str(tmp_path / "missing.json")]).exit_code == 2


@pytest.mark.parametrize("kind", verify.KINDS)
def test_the_checker_is_small_and_needs_nothing(kind, tmp_path):
    """All that runs to check a proof are few lines, of this library's and else of the standard library."""
    path = Proof(next(one for one in DOCUMENTS if one["kind"] == kind)).save(tmp_path / "x.json")
    code = (
        "import sys; before = {*sys.modules}; from jaxgame.verify import check; "
        "assert check(sys.argv[1]).proved; print(*{*sys.modules} - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = done.stdout.split()
    others = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert others <= {"jaxgame", "lazy_loader"}  # with which `jaxgame` itself imports nothing
    ours = {name for name in modules if name.startswith("jaxgame.verify")}
    files = [
        ROOT / "jaxgame" / "verify" / f"{name.removeprefix('jaxgame.verify').lstrip('.') or '__init__'}.py"
        for name in ours
    ]
    assert {name for name in modules if name.startswith("jaxgame")} == ours | {"jaxgame"}
    lines = sum(len(file.read_text().splitlines()) for file in [*files, ROOT / "jaxgame/verify/__main__.py"])
    # What has a game has the lines of the worst equilibrium to read as well, and a few more.
    assert lines <= (300 if "game" not in Proof.load(path).document or kind == "best-AI selection" else 380)


# Numbers and schemes


def test_numbers_are_written_exactly():
    rng = np.random.default_rng(0)
    values = [*rng.normal(size=50) * 10.0 ** rng.uniform(-300, 300, 50), 0.1, 5e-324, 2.0**1000, -3.0, 0.0]
    for value in values:
        text = to_text(Fraction(value))
        assert Fraction(text) == Fraction(value) and json.loads(text) == value
    assert to_text(Fraction(1, 3)) == '"1/3"' and to_text(Fraction(-5, 4)) == "-1.25" and to_text(7) == "7"


def test_ends_move_outwards_and_hardly():
    for lower, upper in ((Fraction(1, 3), Fraction(2, 3)), (Fraction(-1, 10**30), Fraction(1, 7)), (0, 0)):
        low, high = outwards(Fraction(lower), Fraction(upper))
        assert low <= lower and high >= upper
        assert max(lower - low, high - upper) <= Fraction(upper) / 2**58


def test_schemes_become_obeyed_exactly():
    """Random proposals, and best responses, of all kinds: obeyed by the reference's rationals too."""
    for kind in kinds.KINDS:
        for prior, follower, leader, _ in zip(*kinds.programs(kind, 3, 3, 3, 0), strict=True):
            game = exact_game(exact(prior[None]), exact(follower[None]), exact(leader[None, None]))
            proposal = np.random.default_rng(0).dirichlet(np.ones(3), 3)
            for least in (None, (game.none + game.opt) / 2, game.opt):
                y = game.scheme(obeyed(game, proposal, least))
                missed = reference.violations(prior[None], follower[None], least or game.none, np.array(y))
                assert missed == (0, 0, missed.obedience, 0) and missed.obedience <= 0


def test_a_recommendation_that_is_best_at_one_belief_only_is_kept():
    """A safe action that two others tie with at even odds: floats cannot meet that, quotients do."""
    prior, follower = [[0.7, 0.3]], [[[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]]
    game = exact_game(exact(prior), exact(follower), exact([follower]))
    proposal = np.array([[4 / 7, 0.0, 3 / 7], [0.0, 0.0, 1.0]])
    numbers = obeyed(game, proposal)
    game.read_scheme(Place(numbers, "scheme"))
    assert float(numbers[0][2]) == pytest.approx(3 / 7, abs=1e-12)
    assert numbers[0][2] * Fraction(0.7) == numbers[1][2] * Fraction(0.3)


# Proving


def hard(kind: str, leaders: int, states: int, actions: int, seed: int) -> jg.Game:
    """A game of one of `kinds`: every third of leaders that are the follower's own but for noise."""
    prior, follower, _, _ = kinds.programs(kind, 1, states, actions, seed)
    rng = np.random.default_rng(seed)
    if seed % 3:
        own = [kinds.programs(kind, 1, states, actions, 1000 * (j + 1) + seed)[2] for j in range(leaders)]
    else:
        own = [follower + rng.normal(size=follower.shape) * np.ptp(follower) / 2 for _ in range(leaders)]
    return jg.make_game(prior[0], follower[0], np.stack(own)[:, 0])


def stake(game: jg.Game) -> float:
    return float(reference.stake(game.prior, game.follower)) or 1.0


def proved(game: jg.Game, **options) -> Proof:
    """A proof that both checkers accept, which is as good as the search."""
    proof = jg.selection.prove(game, **options)
    assert agreed(proof.document)
    return proof


def short_of(game: jg.Game, proof: Proof) -> float:
    """By how much less is proved than `worst_equilibrium` says, in parts of what is at stake."""
    found = jg.selection.worst_equilibrium(game)
    return float(Fraction(float(found.value.lower)) - proof.value) / stake(game)


def test_proofs_of_hard_games():
    """Between what is proved and an outcome that nobody outbids there is no more than was asked for."""
    for seed, kind in enumerate(kinds.KINDS):
        game = hard(kind, 2, 3, 3, seed)
        proof = proved(game)
        found = proof.document["equilibrium"]
        assert found["worth"] - proof.value <= 1e-6 * stake(game), kind
        sizes = [float(reference.stake(game.prior, utility)) for utility in game.leaders]
        assert all(float(gain) <= 1e-6 * size for gain, size in zip(found["gains"], sizes, strict=True)), kind


PARTS = 10


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("part", range(PARTS))
def test_proofs_of_a_thousand_games(part, capsys):
    """All families, four shapes, a tenth at a time."""
    import jax

    from experiments.common.families import family_of  # noqa: F401
    from jaxgame.sampling import FAMILIES, Shape

    short, shapes = [], [Shape(2, 1, 2, 2), Shape(3, 1, 3, 3), Shape(4, 1, 4, 4), Shape(2, 2, 2, 2)]
    families = list(FAMILIES.values())
    for n in range(part, 1000, PARTS):
        # All pairs of a family and a shape come up, whatever divides their numbers.
        family, shape = families[n % len(families)](), shapes[n // len(families) % len(shapes)]
        game = family.sample(jax.random.key(n), shape, [0.2, 0.6, 1.0][n % 3])
        short.append(short_of(game, proved(game)))
    with capsys.disabled():
        print(f"{len(short)} proofs; less is proved than computed by at most {max(short):.1e} of the stake")
    assert max(short) < 1e-9


HAND_MADE = ("integer_ties", "tiny_priors", "zero priors", "one leader", "identical", "huge", "tiny units")


def hand_made(what: str, seed: int) -> jg.Game:
    kind = what if what in kinds.KINDS else "integer_ties"
    game = hard(kind, 1 if what == "one leader" else 3, 3, 3, seed)
    prior, follower, leaders = (np.asarray(x) for x in (game.prior, game.follower, game.leaders))
    if what == "zero priors":
        prior = np.where(np.arange(3) == seed % 3, 0.0, prior)
        prior = prior / prior.sum()
    if what == "identical":
        leaders = np.repeat(leaders[:1], 3, 0)
    if what in ("huge", "tiny units"):
        unit = 2.0**100 if what == "huge" else 1e-90
        follower, leaders = follower * unit, leaders * unit * np.array([1.0, 1e-6, 1e6]).reshape(3, 1, 1, 1)
    return jg.make_game(prior, follower, leaders)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_proofs_of_games_made_by_hand():
    for seed, what in zip(range(63), itertools.cycle(HAND_MADE), strict=False):
        game = hand_made(what, seed)
        assert short_of(game, proved(game)) < 1e-9, what


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_ten_thousand_tamperings(capsys):
    counts = tamper(10_000, DOCUMENTS)
    with capsys.disabled():
        print({f"{what}, {'a proof still' if good else 'rejected'}": n for (what, good), n in counts.items()})
    assert ("claim", True) not in counts


def within(proof: Proof, bracket, size: float) -> bool:
    """A proof is as good as a bracket, but for 1e-9 of a size."""
    lower, upper = (float(proof.document[end]) for end in ("lower", "upper"))
    return lower >= float(bracket.lower) - 1e-9 * size and upper <= float(bracket.upper) + 1e-9 * size


@pytest.mark.slow
@pytest.mark.parametrize("types", [1, 2])
def test_proofs_of_best_responses_and_of_gains(types):
    for seed, kind in enumerate(kinds.KINDS):
        prior, follower, leader, threshold = (x[0] for x in kinds.typed(kind, 1, types, 3, 3, seed))
        game = jg.make_game(prior, follower, np.stack([leader, follower, -leader]))
        for j in range(3):
            size = float(reference.stake(prior, game.leaders[j]))
            proof = prove_best_response(game, j, float(threshold))
            assert agreed(proof.document), kind
            assert within(proof, jg.leader_value(game, j, threshold).value, size), kind
        if types == 1:
            size = max(float(reference.stake(prior, u)) for u in np.asarray(game.leaders))
            outcome = jg.leader_value(game, 0, threshold).outcome
            proof = jg.selection.prove_exploitability(game, outcome)
            assert agreed(proof.document), kind
            assert within(proof, jg.selection.exploitability(game, outcome), size), kind


def hull_proved(kind: str, seed: int, norm: str, offset, scale: str) -> None:
    target, utilities = (x[0] for x in kinds.hulls(kind, 1, 3, 6, seed))
    proof = jg.hull.prove_distance(target, utilities, norm, offset, scale)
    assert agreed(proof.document), kind
    fit = jg.hull_distance(target, utilities, norm, offset, scale)
    # On the cone the bracket's lower end may hold against bounded weights only, the proof's holds for all.
    if scale == "simplex":
        assert within(proof, fit.distance, np.abs(utilities).max() + np.abs(target).max()), kind
    else:
        assert proof.document["upper"] <= Fraction(float(fit.distance.upper)) + Fraction(1, 10**12)


def test_proofs_of_distances():
    for seed, kind in enumerate(kinds.KINDS):
        hull_proved(kind, seed, "sup", "constant", "simplex")


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
@pytest.mark.parametrize("offset", ["none", "constant", [7, 7, 7, 2, 2, 2]], ids=["none", "one", "two"])
def test_proofs_of_distances_of_all_kinds(norm, scale, offset):
    for seed, kind in enumerate(kinds.KINDS * 3):
        hull_proved(kind, seed, norm, offset if isinstance(offset, str) else np.array(offset), scale)


@pytest.mark.slow
def test_proofs_of_distances_of_games():
    for seed, kind in enumerate(kinds.KINDS):
        game = hard(kind, 3, 3, 3, seed)
        for options in (("state", "simplex", "mean"), (None, "cone", "mean"), (None, "cone", "sup")):
            assert agreed(jg.hull.prove_game_distance(game, *options).document), kind


def regrets_attained(game: jg.Game, profiles: np.ndarray, law: np.ndarray) -> np.ndarray:
    """What leaders regret not to have offered, of the best schemes that are worth a bit more than a rival."""
    follower, leaders = np.asarray(game.follower), np.asarray(game.leaders)
    worth = (profiles * follower).sum((2, 3, 4))
    pays = np.einsum("nitsa,jtsa->nij", profiles, leaders)  # to j, where i is kept
    rounds, count = np.arange(len(law)), len(leaders)
    regrets = []
    for j in range(count):
        had = law @ pays[rounds, worth.argmax(1), j]
        others = np.where(np.arange(count) == j, -np.inf, worth)
        rival, theirs = others.max(1), pays[rounds, others.argmax(1), j]
        tried = [law @ theirs]
        for value in rival:
            best = jg.leader_value(game, j, min(value + 1e-9, float(jg.full_information_value(game))))
            value = float((best.outcome * follower).sum())
            wins = value > rival
            tried.append(law @ np.where(wins, float((best.outcome * leaders[j]).sum()), theirs))
        regrets.append(max(tried) - had)
    return np.array(regrets)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "leaders", "size"),
    [("plain", 2, 2), ("integer_ties", 2, 2), pytest.param("plain", 3, 3, marks=SLOW)],
)
def test_proofs_of_regrets(kind, leaders, size):
    game = hard(kind, leaders, size, size, 1)
    starts = [np.asarray(jg.selection.starting_offers(game, what)) for what in ("selfish", "full", "none")]
    # Selfish offers may be worth what no information is: rounding would decide who is kept of those that tie.
    share = 0.1 * np.arange(1, leaders + 1)[:, None, None, None]
    starts[0] = (1 - share) * starts[0] + share * starts[1]
    profiles = np.stack(
        [*starts, np.where(np.arange(leaders)[:, None, None, None] == 1, starts[0], starts[2])]
    )
    law = np.array([4.0, 1.0, 2.0, 1.0])
    proof = jg.selection.prove_regrets(game, profiles, law)
    assert agreed(proof.document)
    least = regrets_attained(game, profiles, law / law.sum())
    most = np.array([float(x) for x in proof.document["regrets"]])
    assert (most >= least - 1e-9).all() and (most <= least + 1e-6).all()
    same = jg.selection.prove_regrets(game, np.repeat(profiles, [4, 1, 2, 1], axis=0))
    assert same.document["regrets"] == proof.document["regrets"]


def test_errors_of_proofs_of_regrets():
    game = hard("plain", 2, 2, 2, 1)
    profiles = np.asarray(jg.selection.starting_offers(game, "full"))[None]
    prove = jg.selection.prove_regrets
    with pytest.raises(ValueError, match=r"profiles has shape \(2, 1, 2, 2\)"):
        prove(game, profiles[0])
    with pytest.raises(ValueError, match=r"law has shape \(2,\)"):
        prove(game, profiles, [1.0, 1.0])
    for law in ([-1.0], [0.0]):
        with pytest.raises(ValueError, match="all must be at least 0"):
            prove(game, profiles, law)
    with pytest.raises(ValueError, match="law"):
        prove(game, profiles, [np.nan])
    with pytest.raises(ValueError, match="outcome misses the prior"):
        prove(game, profiles * 2)
    with pytest.raises(ValueError, match="game has 1 leader"):
        prove(jg.Game(game.prior, game.follower, game.leaders[:1]), profiles[:, :1])


PANELS = ("plain", "integers", "copies", "tiny units", "alike")


def panel_of(what: str, seed: int) -> list[np.ndarray]:
    """Principal [3], reviewers [5, 3], directions [6, 3]."""
    rng = np.random.default_rng(seed)
    shapes = (3,), (5, 3), (6, 3)
    principal, reviewers, directions = (
        rng.integers(-2, 3, shape).astype(float) if what == "integers" else rng.normal(size=shape)
        for shape in shapes
    )
    if what == "copies":
        reviewers[3:] = reviewers[:2]
    if what == "tiny units":
        reviewers, principal = reviewers * 1e-90, principal * 1e90
    if what == "alike":
        reviewers = principal + reviewers / 3
    return [principal, reviewers, directions]


@pytest.mark.parametrize("what", PANELS)
def test_proofs_of_coalitions(what):
    """Depths and losses are those of SciPy, over every coalition."""
    for seed in range(4):
        panel = panel_of(what, seed)
        hers, theirs = panel[2] @ panel[0], panel[1] @ panel[2].T
        size = np.abs(hers).max() or 1.0
        scores = hers / size, theirs / np.maximum(np.abs(theirs).max(1, keepdims=True), 1e-300)
        proof = coalition.prove_depth(*panel, programs=300)
        assert agreed(proof.document), (what, seed)
        depth = coalitions.depth_of(coalitions.losses(*scores, by_covers=False), 1e-6)
        assert proof.document["lower"] == proof.document["upper"] == depth, (what, seed)
        for members in ([0, 1, 2, 3, 4], [0, 1, 2], [seed], []):
            proof = coalition.prove_cover(*panel, members=np.array(members, int))
            assert agreed(proof.document), (what, seed)
            loss = coalitions.let_through(scores[0], scores[1][members])
            ends = [float(proof.document[end]) / size for end in ("lower", "upper")]
            assert loss - 1e-9 <= ends[0] <= ends[1] <= loss + 1e-9, (what, seed, members)
            assert ends[1] > 0 or loss < 1e-9


def test_a_coalition_that_covers_covers_exactly():
    """No rounding is left where a program's vertex is, in rationals, a cover: of thirds, here."""
    reviewers, directions = np.zeros((5, 3)), np.zeros((6, 3))
    reviewers[:2, :2] = [[-1.0, 1.0], [2.0, 1.0]]
    directions[:3, :2] = [[3.0, 1.0], [-3.0, 1.0], [0.0, -1.0]]
    proof = coalition.prove_cover([0.0, 1.0, 0.0], reviewers, directions, members=[0, 1])
    assert agreed(proof.document) and proof.document["upper"] == 0
    assert "they cover her" in proof.check().sentence


def test_errors_of_proofs_of_coalitions():
    import jax

    panel = panel_of("plain", 0)
    with pytest.raises(ValueError, match="panel is traced"):
        jax.jit(coalition.prove_depth)(*panel)
    with pytest.raises(ValueError, match="members is"):
        coalition.prove_cover(*panel, members=[5])
    with pytest.raises(ValueError, match="tolerance is 2"):
        coalition.prove_depth(*panel, tolerance=2.0)
    with pytest.raises(ValueError, match="principal"):
        coalition.prove_cover(panel[0] * np.nan, *panel[1:], members=[0])


def test_a_proof_is_about_its_game():
    game = jg.make_game(*(np.array(JUDGE[name], float) for name in ("prior", "follower", "leaders")))
    document = changed(lambda x: x.update(game={name: exact(getattr(game, name)) for name in JUDGE}))
    assert Proof(document).is_about(game) and not Proof(by_hand()).is_about(game)
    assert not Proof(document).is_about(jg.Game(game.prior, game.follower, game.leaders[::-1]))


def test_errors_of_prove():
    import jax

    judge = jg.make_game([0.7, 0.3], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]]] * 2)
    with pytest.raises(ValueError, match=r"value is 0\.71; it must be at most 0\.7"):
        jg.selection.prove(judge, 0.71)
    assert jg.selection.prove(judge, 0.65).value == Fraction(0.65)
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="value is"):
            jg.selection.prove(judge, value)
    with pytest.raises(ValueError, match="tolerance is 0"):
        jg.selection.prove(judge, tolerance=0.0)
    with pytest.raises(ValueError, match="slack is"):
        jg.selection.prove(judge, slack=-1.0)
    with pytest.raises(ValueError, match="game is traced"):
        jax.jit(jg.selection.prove)(judge)
    with pytest.raises(ValueError, match="follower"):
        jg.selection.prove(jg.Game(judge.prior, judge.follower * np.nan, judge.leaders))


def test_exact_games_are_those_of_the_reference():
    for kind in kinds.KINDS:
        prior, follower, leader, _ = (x[0] for x in kinds.typed(kind, 1, 2, 3, 2, 0))
        game: Game = exact_game(exact(prior), exact(follower), exact(leader[None]))
        assert game.none == reference.no_information(prior, follower)
        assert game.opt == reference.full_information(prior, follower)
