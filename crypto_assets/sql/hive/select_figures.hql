SELECT
    {figures}
FROM {table}
WHERE year = {year}
    AND month = {month}
    AND day = {day}
