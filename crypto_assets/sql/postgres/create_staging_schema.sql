-- Rows that are kept only until their day has been summarised.
CREATE SCHEMA IF NOT EXISTS staging
