"""Gates without a connection: what they have to know, and what they say once they have one."""
