"""The heart: what is for sale, one decision at a time per event, many bookings per commit."""
