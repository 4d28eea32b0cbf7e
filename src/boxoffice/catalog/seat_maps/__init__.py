"""Seat maps: taken in one of two shapes, kept as versions that never change, merged into sold events."""
