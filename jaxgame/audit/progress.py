"""The progress bar of an audit: one line, for the stage that runs."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A progress bar with one line for the stage that runs, or nothing."""

    def __init__(self, progress: Progress | None):
        self.progress = progress
        self.task = None if progress is None else progress.add_task("read")

    def start(self, what: str, steps: int | None) -> Callable[[], None]:
        """Show the stage `what` of so many `steps` (None: unknown); call what is returned after each step."""
        if self.progress is None or self.task is None:
            return lambda: None
        progress, task = self.progress, self.task
        progress.reset(task, description=what, total=steps)
        return lambda: progress.advance(task)


@contextlib.contextmanager
def bar(shown: bool) -> Iterator[Bar]:
    """A bar on standard error, gone at the end; one that shows nothing unless `shown`."""
    if not shown:
        yield Bar(None)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)
