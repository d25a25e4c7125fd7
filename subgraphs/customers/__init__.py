"""Customers: registration, sign-in, preferences and consent. Issues the buyers' access tokens."""
