"""Deliveries: leased, sent and recorded, each in its own transaction, with no transaction open while a message is sent."""
