"""Access control: authentication, permissions, subtrees and the permission matrix."""
