"""Sessions: log in, stay logged in with a rotating refresh token, log out."""
