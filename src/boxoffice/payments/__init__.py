"""Money: providers behind one protocol, what they report, and what is given back."""
