"""One module per thing that the service does."""
