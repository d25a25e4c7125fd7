"""A bank: the Central Bank's Pix API v2 (github.com/bacen/pix-api)."""
