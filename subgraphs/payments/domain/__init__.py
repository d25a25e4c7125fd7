"""What a payment is and how it may change. Pure: no I/O, nothing of ours outside this room."""
