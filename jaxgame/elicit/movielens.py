"""Films of a folder of MovieLens files, with people's ratings as scores."""

from pathlib import Path

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.elicit.settings import MovieLens

# u.item marks genres by columns of 0 and 1, in this order (u.genre).
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


def films(folder: Path, settings: MovieLens) -> pl.DataFrame:
    """Columns item, title, genres and rating: the mean rating, or that of the user whom `settings` names.

    `folder` holds movies.csv and ratings.csv, or u.item and u.data. The films are the most rated ones, as
    many as `settings` says; of equally often rated ones those with smaller numbers.

    Raises InputError for a folder without these files, files that are no such tables, and a user or a number
    of ratings that leaves no film.
    """
    try:
        if (folder / "movies.csv").is_file():
            names, ratings = _csv(folder)
        elif (folder / "u.item").is_file():
            names, ratings = _hundred_thousand(folder)
        else:
            raise InputError(f"{folder}: holds neither movies.csv and ratings.csv nor u.item and u.data")
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).splitlines()[0][:160]
        raise InputError(f"{folder}: not MovieLens files as expected ({said})") from error
    counts = ratings.group_by("item").agg(pl.len().alias("count"), pl.col("rating").mean())
    chosen = counts.filter(pl.col("count") >= settings.at_least)
    if settings.user is not None:
        own = ratings.filter(pl.col("user") == settings.user).select("item", "rating")
        chosen = chosen.drop("rating").join(own, on="item")
    chosen = (
        chosen.join(names, on="item").sort(["count", "item"], descending=[True, False]).head(settings.most)
    )
    if not chosen.height:
        whose = "" if settings.user is None else f" and one by user {settings.user}"
        raise InputError(f"{folder}: no film has {settings.at_least} ratings{whose} (items.movielens)")
    return chosen.select("item", "title", "genres", "rating")


def _csv(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    names = pl.read_csv(folder / "movies.csv").select(
        pl.col("movieId").alias("item"), "title", pl.col("genres").str.replace_all("|", ", ", literal=True)
    )
    ratings = pl.scan_csv(folder / "ratings.csv").select(
        pl.col("userId").alias("user"), pl.col("movieId").alias("item"), pl.col("rating").cast(pl.Float64)
    )
    return names, ratings.collect()


def _hundred_thousand(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    # The files of 1998 are Latin-1, which polars does not read; no cell is quoted.
    text = (folder / "u.item").read_text(encoding="latin-1")
    columns = ["item", "title", "released", "video", "address", *GENRES]
    table = pl.read_csv(
        text.encode(),
        separator="|",
        has_header=False,
        new_columns=columns,
        quote_char=None,
        infer_schema=False,
    )
    marks = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
    names = table.select(
        pl.col("item").cast(pl.Int64),
        "title",
        pl.concat_str(marks, separator=", ", ignore_nulls=True).alias("genres"),
    )
    ratings = pl.read_csv(
        folder / "u.data", separator="\t", has_header=False, new_columns=["user", "item", "rating", "time"]
    ).select("user", "item", pl.col("rating").cast(pl.Float64))
    return names, ratings
