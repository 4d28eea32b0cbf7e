"""Places that the house keeps: house seats, kills, allotments."""
