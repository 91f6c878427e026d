"""The console in a browser: `./dev test tests/browser`."""
