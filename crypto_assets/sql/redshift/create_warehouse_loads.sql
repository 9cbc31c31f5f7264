-- What was loaded when, written in the transaction of the load itself: the newest row of a table and day says which
-- rows Redshift holds of it.
CREATE TABLE IF NOT EXISTS warehouse_loads (
    table_name VARCHAR(64) NOT NULL,
    day DATE NOT NULL,
    data_version CHAR(64) NOT NULL,
    row_count BIGINT NOT NULL,
    sums VARCHAR(4096) NOT NULL,
    loaded_at TIMESTAMP NOT NULL
)
DISTSTYLE ALL
SORTKEY (day, table_name)
