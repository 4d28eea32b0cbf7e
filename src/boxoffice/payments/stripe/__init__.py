"""Stripe, behind the protocol of all providers."""
