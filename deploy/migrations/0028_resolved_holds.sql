-- A token is what settles a hold: once that is done nobody needs it, and without it the row that says so is a third as long.
GRANT UPDATE (token) ON holds TO megarouter_usage;
COMMENT ON COLUMN holds.token IS 'The signed hold while it is open, for the sweeper; empty when it is resolved.';
