-- How many connections and calls each Envoy accepts at a time, if operators have changed it: one row or none.
CREATE TABLE listener_limits (
    is_set boolean PRIMARY KEY DEFAULT true CHECK (is_set),
    model_connections integer NOT NULL CHECK (model_connections > 0),
    admin_connections integer NOT NULL CHECK (admin_connections > 0),
    concurrent_provider_calls integer NOT NULL CHECK (concurrent_provider_calls > 0)
);
