"""The image of an event: taken in, made anew in a few sizes, shown, removed."""
