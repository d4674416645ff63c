"""The one error of bad input."""


class InputError(ValueError):
    """A table or a setting that cannot be audited: one line that names the file, the row and the column."""
