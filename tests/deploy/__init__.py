"""What companies deploy: the chart, rendered by the real helm. `./dev test tests/deploy` runs this; the default suite does not."""
