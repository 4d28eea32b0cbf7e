"""Who else may work on an organizer's events: team members, invitations, API keys."""
