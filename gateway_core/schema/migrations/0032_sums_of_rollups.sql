-- Adds up integers of 64 bits as what they are. `sum` turns each total into a numeric, which costs up to 40 % of the time of an answer
-- that has many totals. As the cast after it did, it fails if a total does not fit.
CREATE AGGREGATE bigint_sum(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);
