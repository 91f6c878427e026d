"""Settles calls: what Envoy reports, from its access-log stream and its journal, becomes usage records, ledger and counters."""
