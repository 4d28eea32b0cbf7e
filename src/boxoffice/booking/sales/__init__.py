"""How an event sells: places, by category, ticket type, channel and day, and the money for them."""
