"""Commands about exports and reports of usage."""
