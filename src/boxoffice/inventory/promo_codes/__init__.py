"""Promo codes: what a buyer types in to pay less."""
