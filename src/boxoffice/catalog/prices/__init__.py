"""What places cost: prices and their changes, ticket types, fees and tax."""
