"""Files of typed columns: Parquet, and Arrow's (Feather)."""

import io

import polars as pl

from jaxgame.audit.errors import InputError
from jaxgame.audit.reading.frames import flat, with_index
from jaxgame.audit.reading.sources import Source
from jaxgame.audit.reading.table import Table

PARQUET, ARROW = b"PAR1", b"ARROW1"


def is_columnar(source: Source) -> bool:
    """Whether a source is Parquet or Arrow, by how it begins or by its name."""
    return source.data.startswith((PARQUET, ARROW)) or source.suffix in (".parquet", ".pq")


def read(source: Source) -> Table:
    """The table of a Parquet or Arrow file; an index that pandas saved comes first.

    Raises InputError for a file that cannot be read.
    """
    arrow = source.data.startswith(ARROW)
    try:
        if arrow:
            return Table(source.name, flat(pl.read_ipc(io.BytesIO(source.data))))
        metadata = pl.read_parquet_metadata(io.BytesIO(source.data)).get("pandas")
        return with_index(Table(source.name, flat(pl.read_parquet(io.BytesIO(source.data)))), metadata)
    except Exception as error:  # whatever the reader raises for a broken file
        lines = str(error).strip().splitlines()
        said = lines[0][:200] if lines else type(error).__name__
        what = "Arrow" if arrow else "Parquet"
        raise InputError(f"{source.name}: not a readable {what} file ({said})") from error
