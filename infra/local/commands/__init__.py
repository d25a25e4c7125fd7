"""One module per command. What a command needs is imported inside it, so that none of it slows down `--help`."""
