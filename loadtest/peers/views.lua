-- Writes the views of a peer: ARGV[1] is the prefix of all keys, then come rows of six: sku, version, web, amazon,
-- pickup, recorded_at. A row is applied where its version (the events of the sku that are in it) is greater than the
-- one that is there. `folded` counts the events that are in all views: the harness sees the end of the input by it.
local prefix = ARGV[1]
local folded = 0
for i = 2, #ARGV, 6 do
  local key = prefix .. 'view:' .. ARGV[i]
  local version = tonumber(ARGV[i + 1])
  local before = tonumber(redis.call('HGET', key, 'version') or 0)
  if version > before then
    redis.call(
      'HSET', key, 'web', ARGV[i + 2], 'amazon', ARGV[i + 3], 'pickup', ARGV[i + 4],
      'version', ARGV[i + 1], 'recorded_at', ARGV[i + 5]
    )
    folded = folded + version - before
  end
end
if folded > 0 then
  redis.call('INCRBY', prefix .. 'folded', folded)
end
return folded
