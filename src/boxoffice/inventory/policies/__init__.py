"""What an organizer gives back to buyers who cancel: set under the lock that bookings are made under."""
