SELECT data_version
FROM warehouse_loads
WHERE table_name = {table}
    AND day = {day}
ORDER BY loaded_at DESC
LIMIT 1
