"""Who is to be paid how much: what is due, with what its organizers say of themselves."""
