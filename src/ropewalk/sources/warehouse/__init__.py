"""What warehouses have in common: SQL that is checked before it is sent, queries that are synced, events that are asked for."""
