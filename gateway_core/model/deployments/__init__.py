"""The deployments of a model: their health, and the orders in which a call is tried at them."""
