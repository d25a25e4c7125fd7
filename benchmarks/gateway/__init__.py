"""The gateway's speed beside its peers' and beside plans compiled by hand: `make bench-gateway`."""
