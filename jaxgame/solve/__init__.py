"""Batched numerics that know nothing of games: approximation by non-negative combinations."""
