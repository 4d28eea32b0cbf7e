"""What every domain stands on. No word of the ticket trade appears in here."""
