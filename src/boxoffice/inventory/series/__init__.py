"""What the events of a series are given at once, besides what the catalog gives them."""
