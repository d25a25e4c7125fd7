"""What suggestions are and how they are chosen, without I/O."""
