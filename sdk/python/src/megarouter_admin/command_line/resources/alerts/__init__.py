"""The commands `megarouter alerts`: the inbox, rules, channels and deliveries."""
