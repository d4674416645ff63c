"""The one error of bad input."""


class InputError(ValueError):
    """A table or a setting that cannot be audited.

    The message is one line that names the file or the setting, where there are any the row (from 1, the first
    below the header) and the column, what is there, and what it must be.
    """
