"""Two payment companies on one machine, speaking the HTTP of the real ones and able to misbehave on request.

``bank/`` is a bank with the Central Bank's Pix API v2, ``cards/`` a card company with Stripe's API. They share a page
of open charges, fault switches, a store that survives a restart, and a sender of signed webhooks. Nothing here is
imported by the product, nor the other way round: what they agree on is the two published APIs.
"""
