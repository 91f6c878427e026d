"""Files of usage that are made in the background, kept for a day, and downloaded by who asked for them."""
