"""Payments: takes money by Pix or card for any reference, gives it back, and never loses track of it.

It knows nothing of tickets: what is paid for is an opaque ``reference``.
Read ``domain/`` first, then ``use_cases/``; ``gateways/`` are the external payment companies behind one port.
"""
