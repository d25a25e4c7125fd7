"""What this service does, a verb per module. ``settle_charge`` is the only way in which a payment's status changes."""
