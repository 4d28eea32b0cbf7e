"""What a buyer does and sees: holding places, cancelling, looking at bookings."""
