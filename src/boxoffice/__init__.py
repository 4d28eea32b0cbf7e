"""Boxoffice: a high-concurrency backend for event management and ticket booking."""

__version__ = "0.1.0"
