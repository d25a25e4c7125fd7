"""The GraphQL types of ticketing."""
