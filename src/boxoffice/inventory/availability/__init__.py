"""What is still to be had: one document for each version, and a stream of what changes."""
