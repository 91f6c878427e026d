"""The limits that new members and new API keys begin with."""
