"""Changing the seat map of an event that is on sale."""
