"""Thousands of watchers of one service: what they cost while they wait, and how soon they hear."""
