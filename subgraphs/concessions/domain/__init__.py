"""Concessions without I/O: products, orders and their states, stock movements, pick-up codes."""
