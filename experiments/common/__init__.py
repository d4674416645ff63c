"""What several experiments and the commands share."""
