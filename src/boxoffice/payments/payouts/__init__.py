"""What is due to organizers, and what the house has paid them of it."""
