"""The demo organization that a new installation shows and that the tour uses."""
