CREATE TEMP TABLE {staging} (LIKE {table})
