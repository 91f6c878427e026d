"""Values as people write them: amounts, times, names, filters and limits."""
