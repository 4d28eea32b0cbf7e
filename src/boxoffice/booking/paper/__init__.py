"""What a buyer keeps of a booking: its tickets on paper, and its date for a calendar."""
