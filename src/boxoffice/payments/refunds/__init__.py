"""Refunds: owed with their reason, told to the provider, and what becomes of them there."""
