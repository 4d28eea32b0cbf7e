"""The audit log: who changed what, from where. Written by PostgreSQL's triggers, so nothing is left out."""
