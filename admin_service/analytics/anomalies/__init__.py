"""Measures how well unusual spend is found, on files of labeled data."""
