"""Series: one show on many nights."""
