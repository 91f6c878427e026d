"""Credentials of organizations that are no person's: SCIM connections and automation."""
