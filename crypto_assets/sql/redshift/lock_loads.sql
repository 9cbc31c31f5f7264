-- One load at a time, whoever runs it. Not the table itself: its readers go on and see the day as it was.
LOCK TABLE warehouse_loads
