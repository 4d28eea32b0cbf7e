"""What the commands of `boxoffice` do; `cli.py` only reads their arguments."""
