"""Disputes: what buyers' banks take back until they have decided."""
