"""A tape served as a venue would send it: what an exchange says, and a server on this machine that says it."""
