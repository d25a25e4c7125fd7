"""The root fields of ticketing."""
