"""Invoices and credit notes: written from the journal, numbered without gaps for each organizer."""
