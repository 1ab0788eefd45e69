-- Applies a list of changes in one shard, whole. Interactions are applied at most once under their id.
-- KEYS: 1 ids of this period, 2 ids of the period before, then what ARGV names by position.
-- ARGV: seconds that rows of interactions live, seconds that ids live, then entries:
--   I id version n (row bytes set member){n}   an interaction
--   A row bytes                                bytes for a row that does not expire
--   P set member                               a member that comes
--   Z zset score member | z zset member        a time attribute
--   M set member                               a member that goes
-- Returns one 0 (new) or 1 (known) per interaction, what became of the versions, and the rows that have grown long.
local ttl, keep = ARGV[1], ARGV[2]
local at, known, versions, rows, mortal, ids = 3, {}, {}, {}, {}, false

local function append()
  local row, bytes = tonumber(ARGV[at]), ARGV[at + 1]
  rows[row] = redis.call('APPEND', KEYS[row], bytes)
  at = at + 2
  return row, rows[row] == #bytes
end

while at <= #ARGV do
  local what = ARGV[at]
  at = at + 1
  if what == 'I' then
    local id, version, n = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    at = at + 3
    local new = redis.call('SISMEMBER', KEYS[2], id) == 0 and redis.call('SADD', KEYS[1], id) == 1
    ids = true
    if new then
      for _ = 1, n do
        local row, first = append()
        mortal[row] = true
        if first then redis.call('SADD', KEYS[tonumber(ARGV[at])], ARGV[at + 1]) end
        at = at + 2
      end
      if version > 0 then versions[version] = (versions[version] or 0) + 1 end
      known[#known + 1] = 0
    else
      at = at + 4 * n
      known[#known + 1] = 1
    end
  elseif what == 'A' then
    append()
  elseif what == 'P' then
    redis.call('SADD', KEYS[tonumber(ARGV[at])], ARGV[at + 1])
    at = at + 2
  elseif what == 'Z' then
    redis.call('ZADD', KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2])
    at = at + 3
  elseif what == 'z' then
    redis.call('ZREM', KEYS[tonumber(ARGV[at])], ARGV[at + 1])
    at = at + 2
  else
    redis.call('SREM', KEYS[tonumber(ARGV[at])], ARGV[at + 1])
    at = at + 2
  end
end
if ids then redis.call('EXPIRE', KEYS[1], keep) end

local counted, long = {}, {}
for key, by in pairs(versions) do
  counted[#counted + 1] = key
  counted[#counted + 1] = redis.call('INCRBY', KEYS[key], by)
end
for row, length in pairs(rows) do
  if mortal[row] then redis.call('EXPIRE', KEYS[row], ttl) end
  local base = 0
  local head = redis.call('GETRANGE', KEYS[row], 0, 4)
  if string.byte(head, 1) == 0 then base = struct.unpack('<I4', head, 2) end
  if length - base > 1500 + base / 2 then long[#long + 1] = row end
end
return { known, counted, long }
