"""The rules of ticketing, without I/O."""
