"""A card company: the part of Stripe's API that PaymentIntents need (docs.stripe.com/api)."""
