-- Puts a folded row in place of the bytes that it was folded from, and keeps what was appended since.
-- KEYS: the row. ARGV: how its bytes began, how many they were, the folded row, seconds to live or 0.
-- Returns 1, or 0 when somebody else has folded it.
local head = ARGV[1]
if redis.call('GETRANGE', KEYS[1], 0, #head - 1) ~= head then return 0 end
local since = redis.call('GETRANGE', KEYS[1], ARGV[2], -1)
redis.call('SET', KEYS[1], ARGV[3] .. since)
if ARGV[4] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1
