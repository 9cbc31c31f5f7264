DELETE FROM {table}
USING {staging}
WHERE {table}.{column} = {staging}.{column}
