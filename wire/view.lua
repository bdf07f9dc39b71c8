-- Writes rows of the view; a row never goes back.
--
-- KEYS[1]     what the lane has folded, one hash a (tag, lane): g = generation, b = when the lane's folder began, o = the
--             lane's offsets
-- KEYS[2..]   rows, all of one tag
-- ARGV        generation, offsets, b, then for each row: version, k, and k pairs of field and value
--
-- A row is replaced as a whole, and only if nothing is there or its version is smaller (versions stay
-- below 2^53, where Lua's numbers are exact). A lane of an older generation writes nothing, nor does one whose folder began
-- before that of another engine of its generation.
--
-- Reply: {rows written, rows refused}; to a lane that is fenced off {-1, the newer generation} or {-2, the later b}.

local call = redis.call
local generation = tonumber(ARGV[1])
local told = call('HMGET', KEYS[1], 'g', 'b')
local newest, latest = tonumber(told[1] or 0), tonumber(told[2] or 0)
if newest > generation then
  return {-1, newest}
end
if newest == generation and latest > tonumber(ARGV[3]) then
  return {-2, latest}
end
call('HSET', KEYS[1], 'g', ARGV[1], 'b', ARGV[3], 'o', ARGV[2])

local applied = 0
local at = 4
for i = 2, #KEYS do
  local key = KEYS[i]
  local version = ARGV[at]
  local fields = tonumber(ARGV[at + 1])
  local last = at + 1 + 2 * fields
  local stored = call('HGET', key, 'v')
  if not stored or tonumber(version) > tonumber(stored) then
    call('HSET', key, 'v', version, unpack(ARGV, at + 2, last))
    -- A field that the row no longer has must not outlive it.
    if stored and call('HLEN', key) ~= fields + 1 then
      call('DEL', key)
      call('HSET', key, 'v', version, unpack(ARGV, at + 2, last))
    end
    applied = applied + 1
  end
  at = last + 1
end
return {applied, #KEYS - 1 - applied}
