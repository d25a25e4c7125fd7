"""Which service knows whether an entity exists."""

from typing import Final

OWNERS: Final = {
    **dict.fromkeys(("Event", "Session", "Sector", "Unit", "Venue", "Organiser", "Reservation", "Ticket"), "ticketing"),
    **dict.fromkeys(("Product", "ConcessionOrder"), "concessions"),
    "Customer": "customers",
    "Payment": "payments",
    "Notification": "notifications",
    "Suggestion": "suggestions",
}
