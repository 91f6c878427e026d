"""E-mail that admin_service leaves in the outbox: leased, sent and recorded, each in its own transaction."""
