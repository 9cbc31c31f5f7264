CREATE DATABASE IF NOT EXISTS {database}
COMMENT 'Market data that analysts share; its tables lie elsewhere and outlive it'
