-- Every call leaves a dead row when its hold ends, and holds stay. By default, PostgreSQL would wait until a fifth of all of them is dead.
ALTER TABLE holds SET (autovacuum_vacuum_scale_factor = 0.02);
