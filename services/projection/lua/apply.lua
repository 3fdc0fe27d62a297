-- Writes one partition's changes and its cursor, or nothing. What deletes a namespace comes again
-- until it has done so, some memories at a time: others would wait for all of them.
--
-- KEYS  1 cursor of the build, 2 what says who may write it, 3 offset to hold at,
--       4 fold that made the build, 5 cursor at which a namespace is half deleted
-- ARGV  1 what KEYS[2] must be: the live version, or the word of who rebuilds
--       2 cursor the changes were computed at, 3 cursor after them, 4 our fold,
--       5 'live', or 'beside' for a build nobody reads yet: nothing holds that
--       then the commands: number of words, words
--
-- Every command sets an absolute value, so a repeat is harmless: Lua has no rollback.
local mine = redis.call('GET', KEYS[2]) or ''
if mine ~= ARGV[1] then return {'version', string.match(mine, '^%d+') or ''} end
if ARGV[5] == 'live' then
  local fold = redis.call('GET', KEYS[4]) or '0'
  if tonumber(fold) > tonumber(ARGV[4]) then return {'fold', fold} end
  local hold = string.match(redis.call('GET', KEYS[3]) or '', '^%d+')
  -- Nobody compares a build with a namespace that is half deleted: whoever holds it waits.
  local begun = redis.call('GET', KEYS[5]) == ARGV[2]
  if hold and tonumber(ARGV[3]) > tonumber(hold) and not begun then return {'hold', hold} end
end
local at = redis.call('GET', KEYS[1])
if (at or '0') ~= ARGV[2] then return {'cursor', at or '0'} end

-- Deletes the keys of so many memories of a namespace, of their sessions and, when no memory is
-- left, of what is linked; true if nothing is left. Words: number, list of the memories, hash of
-- the links; then what keys begin with: of sessions, of what is linked, and of a memory's, the
-- documents last.
local function clear(words)
  local ids = redis.call('ZRANGE', words[2], 0, words[1] - 1)
  for _, id in ipairs(ids) do
    for n = 6, #words do
      local key = words[n] .. id
      local more = n > 7 and redis.call('HGET', key, 'more')
      local read, fields = pcall(cjson.decode, more or '')
      if read and type(fields) == 'table' and type(fields.session) == 'string' then
        redis.call('UNLINK', words[4] .. fields.session)
      end
      redis.call('UNLINK', key)
    end
    redis.call('ZREM', words[2], id)
  end
  if #ids > 0 then return false end
  for _, hash in ipairs(redis.call('HKEYS', words[3])) do
    local hex = string.gsub(hash, '.', function(c) return string.format('%02x', string.byte(c)) end)
    redis.call('UNLINK', words[5] .. hex)
  end
  return true
end

local i = 6
while i <= #ARGV do
  local words = tonumber(ARGV[i])
  local command = ARGV[i + 1]
  if command == 'CLEAR' then
    if not clear({unpack(ARGV, i + 2, i + words)}) then
      redis.call('SET', KEYS[5], ARGV[2])
      return {'more', ''}
    end
  elseif command ~= 'RENAME' or redis.call('EXISTS', ARGV[i + 2]) == 1 then
    redis.call(unpack(ARGV, i + 1, i + words))
  end
  i = i + words + 1
end
-- A cursor without a fold is one of before builds remembered theirs: both come at once.
if not at then redis.call('SET', KEYS[4], ARGV[4]) end
redis.call('DEL', KEYS[5])
redis.call('SET', KEYS[1], ARGV[3])
return {'applied', ARGV[3]}
