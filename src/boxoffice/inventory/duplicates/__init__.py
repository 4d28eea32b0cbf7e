"""Putting an event on again, with what organizers have set for it here besides what is in the catalog."""
