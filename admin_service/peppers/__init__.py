"""Shows the operator which secrets still need the previous pepper."""
