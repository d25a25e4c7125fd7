"""What a customer is and what may be said of one. No I/O."""
