INSERT INTO warehouse_loads (table_name, day, data_version, row_count, sums, loaded_at)
VALUES ({table}, {day}, {data_version}, {rows}, {sums}, {loaded_at})
