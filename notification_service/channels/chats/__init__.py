"""Group chats, each in the form of its product."""
