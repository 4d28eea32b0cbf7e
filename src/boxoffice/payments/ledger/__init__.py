"""The ledger: balanced entries; balances, statements and payouts, and the proof that it is right."""
