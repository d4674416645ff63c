"""Independent computations in NumPy and SciPy, to test against; they share no code with jaxgame."""
