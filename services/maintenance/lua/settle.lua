-- Moves entries of the due index of memories that nothing has changed since they were read.
--
-- KEYS  1 due, 2 changed
-- ARGV  for each memory: id, offset of the last event on it when it was read, new score or ''
--
-- What has changed keeps its entry, which the fold may have made earlier: it is looked at again.
local moved = 0
for i = 1, #ARGV, 3 do
  local at = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not at then
    redis.call('ZREM', KEYS[1], ARGV[i])
  elseif tonumber(at) == tonumber(ARGV[i + 1]) then
    if ARGV[i + 2] == '' then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], 'XX', 'GT', ARGV[i + 2], ARGV[i])
    end
    moved = moved + 1
  end
end
return moved
