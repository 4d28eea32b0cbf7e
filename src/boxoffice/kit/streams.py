"""Answers that go on until somebody hangs up. Read by the main process too, which imports no framework."""

# Streams one process carries: more people than look at one sale at once, at 20 KB and one file each.
STREAMS_MAX = 5_000

# An application sets this key of its scope to say that its answer is one.
STREAM = "boxoffice.stream"
