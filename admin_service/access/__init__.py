"""Who may do what: authentication, permissions, subtrees, and the permission matrix."""
