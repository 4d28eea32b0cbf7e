"""Traces: where a request's time went, told to whoever takes OTLP. Off, nothing of it is imported."""
