"""Benchmarks: a real server on a real PostgreSQL, its peers beside it, and a client that stays light."""
