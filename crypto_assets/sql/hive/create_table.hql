-- External: dropping the table leaves its files. The columns that say where a day lies are text, because the folders are
-- named with two digits (month=09), which MSCK would not find again as a number.
CREATE EXTERNAL TABLE IF NOT EXISTS {table} (
{columns}
)
COMMENT {comment}
PARTITIONED BY (
    year STRING,
    month STRING,
    day STRING
)
STORED AS PARQUET
LOCATION {location}
