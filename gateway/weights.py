"""What fields weigh in the cost of an operation, about a millisecond of somebody's CPU each, and what lists count.

A page of fifty reservations with their codes, or fifty suggestions, is the most that anybody needs at once.
"""

from typing import Final

COST: Final = 600
WEIGHTS: Final = {
    # Drawing a code: 25 ms when it is drawn for the first time.
    "Ticket.qrCodeSvg": 10,
    "PixCharge.qrCodeSvg": 10,
    # Asks three services, and a fourth with what they say.
    "Reservation.suggestions": 10,
    "Customer.suggestions": 10,
}
SIZES: Final = {
    "Query.nodes": "ids",
    "Query.events": "first",
    "Customer.reservations": "first",
}
