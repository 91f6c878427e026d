"""A receiver of webhooks that shows what arrives: the other end of alerts in the demo, and an example of verifying signatures."""
