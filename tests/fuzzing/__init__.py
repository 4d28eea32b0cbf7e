"""Schemathesis against a real server: every operation of its OpenAPI document, and chains of them."""
