"""Letters about bookings: wanted by what the journal says, written and sent by the worker."""
