"""How many are in, of whom, since when, and who was not let in."""
