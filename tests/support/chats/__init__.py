"""What the products behind channels accept, as their documents say."""
