"""Who is told what, and through which channel. No I/O."""
