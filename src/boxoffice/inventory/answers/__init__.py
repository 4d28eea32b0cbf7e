"""What organizers ask those who book, and what they answer."""
