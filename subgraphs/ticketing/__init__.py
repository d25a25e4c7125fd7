"""Ticketing: what can be bought (events, sessions, sectors, units), who holds it, and the tickets that get in.

One way through: ``app → schema → operations, types → use_cases → domain, repositories → tables``.

How nothing is sold twice: one row per unit, changed only while its sector's row is locked. The lock order is the same
everywhere — sectors (by id) → purchase limits (sorted) → reservations (by id) → units (by id) — so nothing deadlocks.
"""
