-- A counter is seeded from the open holds of its organization. Behind the wall between organizations `@>` may not look into an index
-- (it is not leakproof), so this one answered nothing and was paid for by every hold that is placed or resolved.
DROP INDEX holds_open_by_counter;
