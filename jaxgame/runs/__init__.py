"""Many draws: the loop, chunks, files, devices and statistics. The only room that vmaps over draws.

Start with `batch`: `run_draws` gives a table of all draws, `run_statistics` sums of them in bounded memory.
Both describe a `run.Run`, which computes chunk by chunk, of a size that `chunking` finds, on the devices over
which `spread` lays the draws. `tabulate` makes rows of a chunk, `streaming` statistics of rows. With a
directory each chunk becomes a file (`run_directory`, `chunk_files`, `files`), so that a run that was
interrupted (`interruption`) resumes where it stopped.
"""
