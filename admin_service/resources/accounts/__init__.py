"""A user's accounts: the personal account and the organizations the user is a member of."""
