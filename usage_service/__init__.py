"""Settles calls: turns Envoy's reports, from the access-log stream and the journal, into usage records, ledger entries
and counters.
"""
