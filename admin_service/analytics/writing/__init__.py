"""Written analyses of usage: a language model writes the words, and the figures are ours."""
