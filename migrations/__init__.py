"""The database as plain SQL: one NNNN_name.sql per step, applied in order and never edited once released."""
