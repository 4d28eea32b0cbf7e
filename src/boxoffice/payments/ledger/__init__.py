"""The ledger: balanced entries; balances and statements, and the proof that it is right."""
