"""All SQL of this service, a module per table. The edge opens the transactions."""
