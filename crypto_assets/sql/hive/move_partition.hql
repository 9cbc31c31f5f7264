-- A partition that was there already keeps the location it had: the lake may have moved since.
ALTER TABLE {table}
PARTITION (year = {year}, month = {month}, day = {day})
SET LOCATION {location}
