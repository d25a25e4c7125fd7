"""The external payment gateways behind one port: ``port`` is the Protocol, ``pix`` and ``stripe_cards`` speak."""
