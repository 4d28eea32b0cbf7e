"""What is shown: venues, seat maps, events and prices."""
