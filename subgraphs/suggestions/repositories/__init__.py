"""All that is read from and written to DynamoDB."""
