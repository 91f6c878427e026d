"""What routing saved: sums against the baselines, and a comparison with conversations that were held out."""
