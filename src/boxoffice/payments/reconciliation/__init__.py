"""A provider's books and ours: what was missed is made up for, what differs is kept for a person."""
