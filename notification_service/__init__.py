"""Sends alerts to the channels of organizations, and records every attempt."""
