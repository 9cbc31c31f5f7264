-- A DELETE, never a TRUNCATE: that would commit.
DELETE FROM {table}
WHERE {column} >= {start}
    AND {column} < {end}
