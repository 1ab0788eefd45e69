-- Adds names to vocabularies and strings to the dictionary: all of them, or none.
-- KEYS: 1 the dictionary, then vocabularies. ARGV: how many strings, then (id, string)*, then (key, limit, name)*.
-- Returns {0}, {1, id, known} when two strings share an id, or {2, key} when a vocabulary is full.
local strings, at = tonumber(ARGV[1]), 2
for _ = 1, strings do
  local known = redis.call('HGET', KEYS[1], ARGV[at])
  if known and known ~= ARGV[at + 1] then return { 1, ARGV[at], known } end
  at = at + 2
end
local names, fresh = at, {}
while at <= #ARGV do
  local key = tonumber(ARGV[at])
  if redis.call('SISMEMBER', KEYS[key], ARGV[at + 2]) == 0 then
    fresh[key] = (fresh[key] or redis.call('SCARD', KEYS[key])) + 1
    if fresh[key] > tonumber(ARGV[at + 1]) then return { 2, key } end
  end
  at = at + 3
end
at = 2
for _ = 1, strings do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
at = names
while at <= #ARGV do
  redis.call('SADD', KEYS[tonumber(ARGV[at])], ARGV[at + 2])
  at = at + 3
end
return { 0 }
