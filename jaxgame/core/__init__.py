"""What all rooms speak of: games, beliefs, responses, brackets, records, units, and checks of input."""
