"""The groups of an organization's tree."""
