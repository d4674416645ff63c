"""Small linear programs by the thousand."""
