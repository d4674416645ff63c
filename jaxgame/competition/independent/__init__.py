"""Leaders who send independent signals, one scheme each: best responses, dynamics, laws of outcomes."""
