ALTER TABLE {table}
ADD IF NOT EXISTS PARTITION (year = {year}, month = {month}, day = {day})
LOCATION {location}
