"""Many draws: the loop, chunks, files, devices and statistics. The only room that vmaps over draws."""
