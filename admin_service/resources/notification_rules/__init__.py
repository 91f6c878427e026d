"""Rules of alerts: what is worth telling, and to whom."""
