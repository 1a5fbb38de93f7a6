"""The status of a run while it runs: a page, Prometheus' metrics and JSON, read-only, for those who have the token."""
