"""Sales channels: who sells with a key, at times and prices of its own."""
