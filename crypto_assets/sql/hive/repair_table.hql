-- Adds the days whose folders lie below the location of the table, and are not known yet.
MSCK REPAIR TABLE {table}
