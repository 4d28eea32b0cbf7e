"""How far the cancellation of an event has come."""
