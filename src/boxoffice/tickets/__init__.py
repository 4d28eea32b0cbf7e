"""Tickets: one for every sold place, signed, drawn as QR codes, admitted once."""
