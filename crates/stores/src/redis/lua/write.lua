-- Applies a list of changes in one shard, whole. Interactions are applied at most once under their id.
-- KEYS: 1 ids of this period, 2 ids of the period before, then what ARGV names by position.
-- ARGV: seconds that rows of interactions live, seconds that ids live, how many interactions, their ids, then entries:
--   R row set member last bytes which   interactions of a row: their bytes on end, and which they are with how many bytes
--                                       each has (u16 and u16). A row that begins comes into the set, if it is not 0, and
--                                       lives from now on, as does one with last = 1
--   V version which                     interactions to count: which they are (u16)
--   A row bytes                         bytes for a row that does not expire
--   P set member                        a member that comes
--   Z zset score member | z zset member a time attribute
--   M set member                        a member that goes
-- Returns one 0 (new) or 1 (known) per interaction, or nothing when all are new; what became of the versions; and the rows
-- that have grown long.
local ttl, keep, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
local known, counted, long = {}, {}, {}

if n > 0 then
  local now = redis.call('SMISMEMBER', KEYS[1], unpack(ARGV, 4, 3 + n))
  local before = redis.call('SMISMEMBER', KEYS[2], unpack(ARGV, 4, 3 + n))
  local fresh, seen = {}, {}
  for i = 1, n do
    local id = ARGV[3 + i]
    if now[i] == 1 or before[i] == 1 or seen[id] then
      known[i] = 1
    else
      known[i], seen[id] = 0, true
      fresh[#fresh + 1] = id
    end
  end
  if #fresh > 0 then
    redis.call('SADD', KEYS[1], unpack(fresh))
    redis.call('EXPIRE', KEYS[1], keep)
  end
  if #fresh == n then known = {} end
end

-- The bytes of those that are new.
local function new(bytes, which)
  if #known == 0 then return bytes end
  local parts, at, from, i, length = {}, 1, 1, 0, 0
  while at <= #which do
    i, length, at = struct.unpack('<I2I2', which, at)
    if known[i] == 0 then parts[#parts + 1] = string.sub(bytes, from, from + length - 1) end
    from = from + length
  end
  return table.concat(parts)
end

local function append(row, bytes)
  local length = redis.call('APPEND', KEYS[row], bytes)
  -- Looked at every 256 bytes.
  if length > 1500 and length % 256 < #bytes then
    local base, head = 0, redis.call('GETRANGE', KEYS[row], 0, 4)
    if string.byte(head, 1) == 0 then base = struct.unpack('<I4', head, 2) end
    if length - base > 1500 + base / 2 then long[#long + 1] = row end
  end
  return length == #bytes
end

local at = 4 + n
while at <= #ARGV do
  local what, key = ARGV[at], tonumber(ARGV[at + 1])
  if what == 'R' then
    local bytes = new(ARGV[at + 5], ARGV[at + 6])
    if #bytes > 0 then
      local first = append(key, bytes)
      if first and ARGV[at + 2] ~= '0' then
        redis.call('SADD', KEYS[tonumber(ARGV[at + 2])], ARGV[at + 3])
      end
      if first or ARGV[at + 4] == '1' then redis.call('EXPIRE', KEYS[key], ttl) end
    end
    at = at + 7
  elseif what == 'V' then
    local which, count = ARGV[at + 2], 0
    if #known == 0 then
      count = #which / 2
    else
      for from = 1, #which, 2 do
        if known[struct.unpack('<I2', which, from)] == 0 then count = count + 1 end
      end
    end
    if count > 0 then
      counted[#counted + 1] = key
      counted[#counted + 1] = redis.call('INCRBY', KEYS[key], count)
    end
    at = at + 3
  elseif what == 'A' then
    append(key, ARGV[at + 2])
    at = at + 3
  elseif what == 'P' then
    redis.call('SADD', KEYS[key], ARGV[at + 2])
    at = at + 3
  elseif what == 'Z' then
    redis.call('ZADD', KEYS[key], ARGV[at + 2], ARGV[at + 3])
    at = at + 4
  elseif what == 'z' then
    redis.call('ZREM', KEYS[key], ARGV[at + 2])
    at = at + 3
  else
    redis.call('SREM', KEYS[key], ARGV[at + 2])
    at = at + 3
  end
end
return { known, counted, long }
