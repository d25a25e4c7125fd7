"""Measurements. Nothing of the platform imports them."""
