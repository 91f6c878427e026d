-- The rollups find tagged records by their numbers, among the few that are new. So settlement need not keep an index of them.
DROP INDEX usage_records_tagged;
