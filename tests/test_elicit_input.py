"""What `jaxgame elicit` reads: replies, the YAML of models and personas, items, films."""

import copy
import re
import shlex
from pathlib import Path

import polars as pl
import pytest
import typer
import yaml

from jaxgame.audit import InputError
from jaxgame.cli import app
from jaxgame.elicit import config, example, items, reply
from jaxgame.elicit.answers import Answer
from jaxgame.elicit.settings import Columns, MovieLens, Scale

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "elicit.md"
TEN = Scale(low=0, high=10, low_means="a", high_means="b")
HUNDRED = Scale(low=0, high=100, low_means="a", high_means="b")
BOTH = Scale(low=-5, high=5, low_means="a", high_means="b")


@pytest.mark.parametrize(
    ("text", "scale", "score"),
    [
        ("7", TEN, 7),
        (" **7** \n", TEN, 7),
        ("7.", TEN, 7),
        ("7.5", TEN, 7.5),
        ("7,5", TEN, 7.5),
        ("0", TEN, 0),
        ("10.0", TEN, 10),
        ("7/10", TEN, 7),
        ("I rate it 7 out of 10.", TEN, 7),
        ("Score: 7", TEN, 7),
        ("**Score:** 7\n\nTwo of 3 reasons speak for it, and 1 against.", TEN, 7),
        ("On a scale from 0 to 10, I'd give this a 6.", TEN, 6),
        ("Score (0-10): 7", TEN, 7),
        ("In 1984 people would have said 3.", TEN, 3),
        ("\\boxed{7}", TEN, 7),
        ("70%", HUNDRED, 70),
        ("About 70 % of them.", HUNDRED, 70),
        ("−3", BOTH, -3),
        ("minus 3", BOTH, -3),
        ("+2", BOTH, 2),
    ],
)
def test_a_number_beyond_doubt_is_taken(text, scale, score):
    assert reply.score(text, scale) == score


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("", TEN),
        ("seven", TEN),
        ("11", TEN),
        ("-3", TEN),
        ("1,000", TEN),
        ("7%", TEN),
        ("3/5", TEN),
        ("3/100", TEN),
        ("11/10", TEN),
        ("7½", TEN),
        ("between 6 and 8", TEN),
        ("6-8", TEN),
        ("Score: 7 or 8", TEN),
        ("7 to 8 out of 10", TEN),
        ("7/10 at first, then 6/10", TEN),
        ("Score: 12, at least 9", TEN),
        ("7, because 2 people are hurt", TEN),
        ("I cannot score this from 0 to 10.", TEN),
        ("I'm sorry, as an AI I have only 1 principle.", TEN),
        ("- 3 points", BOTH),
    ],
)
def test_a_number_in_doubt_is_not(text, scale):
    assert reply.score(text, scale) is None


def test_no_number_is_picked_out_of_a_reply_that_was_cut_off():
    assert reply.score("There are 2 sides to", TEN) == 2
    assert reply.score("There are 2 sides to", TEN, cut=True) is None
    assert reply.score("Score: 2. There are", TEN, cut=True) == 2


def answer(text, attempt=1, stop="stop"):
    return Answer("k", attempt, text, stop, "served", None, None, "2026-01-01T00:00:00+00:00")


def test_what_replies_come_to():
    assert reply.outcome([], TEN).open
    assert reply.outcome([answer("hm")], TEN).open
    assert reply.outcome([answer("hm"), answer("4", 2)], TEN) == reply.Outcome(4.0, None)
    assert "twice" in reply.outcome([answer("hm"), answer("hm", 2)], TEN).reason
    assert "max_tokens" in reply.outcome([answer("hm"), answer("hm", 2, "max_tokens")], TEN).reason
    # A filter would say the same again.
    assert "filter" in reply.outcome([answer("7", 1, "content_filter")], TEN).reason


# The YAML

URL = "http://localhost:8000/v1"
GOOD = """\
items:
  id: item
  text: [scenario]
  targets: [human]
scale: {low: 0, high: 10, low_means: fine, high_means: wrong}
models:
  - name: a
    url: http://localhost:8000/v1
    model: org/model
personas:
  - name: plain
    prompt: ""
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("low: 0, high: 10", "low: 10, high: 0", r"line 5: scale: low is 10 and high 0; low must be below"),
        ("low: 0", "low: .nan", r"line 5: scale.low: must be a finite number"),
        (", high_means: wrong", "", r"line 5: scale.high_means: is missing"),
        ('    prompt: ""', '    promt: ""', r"line 12: .*promt: unknown key; near are 'prompt'"),
        ('    prompt: ""', "", r"line 11: personas\[0\].prompt: is missing"),
        ("name: plain", "name: no", r"line 11: personas\[0\].name: must be a valid string"),
        ("name: plain", 'name: " "', r"line 11: personas\[0\].name: must be one line of text"),
        ("personas:\n  - name: plain\n", "grid:\n  - name: plain\n", r"line 10: grid: must be a valid dict"),
        ("    url: http://localhost:8000/v1\n", "", r"line 7: models\[0\].url: is missing"),
        ("http://localhost", "localhost", r"line 8: models\[0\].url: must be the server's address"),
        ("http://localhost", "http://me:secret@localhost", r"line 8: models\[0\].url: must hold no password"),
        ("/v1", "/v1?key=secret", r"line 8: models\[0\].url: must hold no password"),
        ("model: org/model", "model: m\n    key: sk-secret", r"line 10: models\[0\].key: must name an env"),
        ("model: org/model", "model: m\n    key: NO_SUCH_KEY", r"line 10: .*variable NO_SUCH_KEY is not set"),
        ("model: org/model", "model: m\n    options: {seed: 1}", r"models\[0\]: options: 'seed' stands bes"),
        ("model: org/model", "model: m\n    options: {top_q: 1}", r"options: unknown 'top_q'; .*top_p"),
        ("model: org/model", "model: m\n    options: {extra_headers: {a: secret}}", r"headers may hold keys"),
        ("model: org/model", "model: m\n    temperature: -1", r"line 10: .*temperature: must be gre"),
        ("model: org/model", "model: m\n    model: n", r"line 10: 'model' stands twice"),
        ("text: [scenario]", "text: []", r"line 3: items.text: "),
        ("scale:", "prompt: 'Hello {who}'\nscale:", r"placeholder \{who\}; there are \{text\}, "),
        ("scale:", "prompt: 'Hello {0}'\nscale:", r"unknown placeholder \{0\}"),
        ("scale:", "prompt: 'Hello {'\nscale:", r"a brace that is meant must be doubled"),
        ("scale:", "prompt: 'From {low}'\nscale:", r"shows no text of an item"),
        ('personas:\n  - name: plain\n    prompt: ""', "personas: []", r"personas: there are none"),
        ("personas:", 'personas:\n  - {name: plain, prompt: "x"}', r"personas: two are named 'plain'"),
        ("models:", f"models:\n  - {{name: b, url: '{URL}', model: org/model}}", r"are one and the same"),
        ("models:", f"models:\n  - {{name: a, url: '{URL}', model: org/other}}", r"two are named 'a'"),
        ("items:", "repeats: 0\nitems:", r"line 1: repeats: must be greater"),
        ("items:", "items: [", r"line \d+: not YAML"),
        ("items:", "itms:", r"line 1: itms: unknown key; near are 'items'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(tmp_path, old, new, complaint):
    path = tmp_path / "models.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: .*{complaint}") as error:
        config.read(path)
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "must hold items"), ("- a", "must hold items"), (None, "cann")]
)
def test_files_that_hold_no_settings(tmp_path, text, complaint):
    path = tmp_path / "models.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=f"models.yaml: {complaint}"):
        config.read(path)


def test_a_mapping_serves_as_well():
    assert config.read(yaml.safe_load(GOOD)).models[0].name == "a"
    with pytest.raises(InputError, match=r"^models: scale: is missing"):
        config.read({key: value for key, value in yaml.safe_load(GOOD).items() if key != "scale"})


def test_a_grid_is_all_combinations():
    data = yaml.safe_load(GOOD) | {
        "grid": {
            "prompt": "You are {age} and {job}.",
            "axes": {"age": {"young": "20", "old": "80"}, "job": {"cook": "cook", "nurse": "nurse"}},
        }
    }
    everyone = {persona.name: persona.prompt for persona in config.read(data).everyone}
    assert list(everyone) == ["plain", "young-cook", "young-nurse", "old-cook", "old-nurse"]
    assert everyone["old-cook"] == "You are 80 and cook."
    wrong = copy.deepcopy(data)
    wrong["grid"]["prompt"] = "You are {age} and {work}."
    with pytest.raises(InputError, match=r"grid: prompt: unknown placeholder \{work\}"):
        config.read(wrong)


@pytest.mark.parametrize("kind", config.EXAMPLES)
def test_examples_can_be_read(tmp_path, kind):
    path = tmp_path / "models.yaml"
    path.write_text(example(kind))
    settings = config.read(path)
    assert 100 < len(settings.everyone) < 110
    # Goals, not only people: the interests that a model may serve, and the model as it is.
    assert {"plain", "revenue", "engagement", "safety", "flattery"} <= {p.name for p in settings.personas}
    assert len({persona.prompt for persona in settings.everyone}) == len(settings.everyone)


def test_an_unknown_example():
    with pytest.raises(InputError, match="moral, films, opinions"):
        example("morals")


# Items

COLUMNS = Columns(id="item", text=["title", "body"], targets=["human"], group="scene")
TABLE = pl.DataFrame(
    {
        "item": ["a", "b"],
        "title": ["A", "B"],
        "body": ["one ", "two"],
        "human": [1, None],
        "scene": [1, 1],
        "other": [0.0, 1.0],
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_items_of_a_file(tmp_path, suffix):
    path = tmp_path / f"items{suffix}"
    {".csv": TABLE.write_csv, ".parquet": TABLE.write_parquet, ".jsonl": TABLE.write_ndjson}[suffix](path)
    found = items.read(path, COLUMNS)
    assert found.texts == [{"title": "A", "body": "one"}, {"title": "B", "body": "two"}]
    assert found.kept.equals(TABLE.select("item", "scene", "human"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"item": ["a", "a"]}, r"rows 1 and 2, column 'item': both are named 'a'"),
        ({"item": ["a", None]}, r"row 2, column 'item': is empty"),
        ({"body": [" ", "two"]}, r"row 1, column 'body': is empty"),
        ({"human": ["high", "low"]}, r"column 'human' holds String; targets are numbers"),
        ({"scene": [1, None]}, r"row 2, column 'scene': is empty"),
    ],
)
def test_tables_that_are_wrong(change, complaint):
    with pytest.raises(InputError, match=f"^items: {complaint}"):
        items.read(TABLE.with_columns(**{name: pl.Series(cells) for name, cells in change.items()}), COLUMNS)


@pytest.mark.parametrize("column", ["item", "title", "human", "scene"])
def test_columns_that_are_not_there(column):
    wrong = TABLE.rename({column: f"{column}s"})
    with pytest.raises(
        InputError, match=rf"no column '{column}', which items.\w+ names; near are '{column}s'"
    ):
        items.read(wrong, COLUMNS)


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(InputError, match=r"none.csv: no such file"):
        items.read(tmp_path / "none.csv", COLUMNS)
    with pytest.raises(InputError, match=r"items.xlsx: must end in .csv, .parquet"):
        items.read(tmp_path / "items.xlsx", COLUMNS)
    (tmp_path / "items.parquet").write_text("no")
    with pytest.raises(InputError, match=r"items.parquet: not a readable table"):
        items.read(tmp_path / "items.parquet", COLUMNS)
    with pytest.raises(InputError, match=r"items: has no rows"):
        items.read(TABLE.head(0), COLUMNS)


# Films


@pytest.fixture(params=["csv", "1998"])
def folder(request, tmp_path):
    """Three films: ratings by 3, 3 and 1 users."""
    ratings = [(1, 10, 4), (2, 10, 5), (3, 10, 3), (1, 20, 1), (2, 20, 2), (4, 20, 3), (1, 30, 5)]
    films = {
        10: ("Amélie (2001)", ("Comedy", "Romance")),
        20: ('"Heat", The', ("Action",)),
        30: ("Z", ("War",)),
    }
    if request.param == "csv":
        names = [{"movieId": f, "title": t, "genres": "|".join(g)} for f, (t, g) in films.items()]
        pl.DataFrame(names).write_csv(tmp_path / "movies.csv")
        rows = [{"userId": u, "movieId": f, "rating": float(r), "timestamp": 0} for u, f, r in ratings]
        pl.DataFrame(rows).write_csv(tmp_path / "ratings.csv")
    else:
        genres = items.movielens.GENRES
        lines = [
            "|".join([str(f), t, "01-Jan-1995", "", "http://x"] + [str(int(name in g)) for name in genres])
            for f, (t, g) in films.items()
        ]
        (tmp_path / "u.item").write_text("\n".join(lines) + "\n", encoding="latin-1")
        (tmp_path / "u.data").write_text("".join(f"{u}\t{f}\t{r}\t0\n" for u, f, r in ratings))
    return tmp_path


def films(folder, **settings):
    columns = Columns(
        id="item", text=["title", "genres"], targets=["rating"], movielens=MovieLens(**settings)
    )
    return items.read(folder, columns)


def test_films_with_their_mean_ratings(folder):
    found = films(folder, at_least=2)
    assert found.kept.rows() == [(10, 4.0), (20, 2.0)]
    assert found.texts == [
        {"title": "Amélie (2001)", "genres": "Comedy, Romance"},
        {"title": '"Heat", The', "genres": "Action"},
    ]
    assert films(folder, at_least=1, most=1).kept["item"].to_list() == [10]


def test_films_with_the_ratings_of_a_user(folder):
    assert films(folder, at_least=1, user=1).kept.rows() == [(10, 4.0), (20, 1.0), (30, 5.0)]
    assert films(folder, at_least=2, user=4).kept.rows() == [(20, 3.0)]
    with pytest.raises(InputError, match="no film has 2 ratings and one by user 99"):
        films(folder, at_least=2, user=99)


def test_folders_that_hold_no_films(tmp_path):
    with pytest.raises(InputError, match=r"holds neither movies.csv and ratings.csv nor u.item and u.data"):
        films(tmp_path)
    (tmp_path / "movies.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not MovieLens files as expected"):
        films(tmp_path)


# The page


def test_what_the_page_shows_can_be_read(monkeypatch):
    monkeypatch.setenv("API_KEY", "x")
    page = PAGE.read_text()
    (settings,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(config.read(yaml.safe_load(settings)).everyone) == 6
    command = typer.main.get_command(app).commands["elicit"]
    lines = re.findall(r"jaxgame elicit [^`\n#>]*", page)
    assert len(lines) >= 5
    for line in lines:
        # Unknown options raise.
        command.make_context("elicit", shlex.split(line)[2:])
