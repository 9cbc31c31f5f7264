ALTER TABLE {table} SET TBLPROPERTIES ({property} = 'true')
