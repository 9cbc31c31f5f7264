SELECT TRIM(filename), TRIM(colname), TRIM(err_reason)
FROM stl_load_errors
WHERE query = pg_last_copy_id()
ORDER BY starttime DESC
LIMIT 1
