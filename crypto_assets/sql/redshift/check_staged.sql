-- Ends the transaction with a division by zero unless the staged rows are those that passed the gate: a client that
-- only sends statements has no other way to stop before the COMMIT.
SELECT 1 / CASE WHEN {condition} THEN 1 ELSE 0 END
FROM {staging}
