-- Reads what ranking needs of some memories, at one instant.
--
-- KEYS  1 cursor of the build
-- ARGV  1 state prefix, 2 traces prefix, 3 active documents, 4 decayed documents, then ids
-- Returns the cursor, then for each memory that is not deleted:
--         id, state, traces, vector, type, tags
local found = {redis.call('GET', KEYS[1]) or '0'}
for i = 5, #ARGV do
  local id = ARGV[i]
  local state = redis.call('GET', ARGV[1] .. id)
  local status = state and string.byte(state, 1)
  if status == 0 or status == 1 then
    local document = redis.call('HMGET', ARGV[3 + status] .. id, 'vector', 'type', 'tags')
    if document[1] then
      local n = #found
      found[n + 1] = id
      found[n + 2] = state
      found[n + 3] = redis.call('GET', ARGV[2] .. id) or ''
      found[n + 4] = document[1]
      found[n + 5] = document[2]
      found[n + 6] = document[3]
    end
  end
end
return found
