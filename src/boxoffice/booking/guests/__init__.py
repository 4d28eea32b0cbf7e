"""Who comes to an event: its bookings, for those who put it on."""
