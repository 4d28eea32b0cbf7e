"""The journal to read: the feed, the history of a seat, replay, and the proof that it is true."""
