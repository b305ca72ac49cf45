-- Keys in the order of their bytes, whatever the database's collation: a prefix is a range of this index.
CREATE INDEX idx_kv_data_bytewise ON kv_data (namespace_id, (key COLLATE "C"));
