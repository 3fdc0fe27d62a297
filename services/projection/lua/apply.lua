-- Writes one partition's changes and its cursor, or nothing.
--
-- KEYS  1 cursor of the build, 2 version that is live, 3 offset to hold at, 4 fold that made it
-- ARGV  1 version that must be live ('' for a build nobody reads yet)
--       2 cursor the changes were computed at, 3 cursor after them, 4 our fold
--       then the commands: number of words, words
--
-- Every command sets an absolute value, so a repeat is harmless: Lua has no rollback.
if ARGV[1] ~= '' then
  local live = redis.call('GET', KEYS[2]) or ''
  if live ~= ARGV[1] then return {'version', live} end
  local fold = redis.call('GET', KEYS[4]) or '0'
  if tonumber(fold) > tonumber(ARGV[4]) then return {'fold', fold} end
  local hold = redis.call('GET', KEYS[3])
  if hold and tonumber(ARGV[3]) > tonumber(hold) then return {'hold', hold} end
end
local at = redis.call('GET', KEYS[1]) or '0'
if at ~= ARGV[2] then return {'cursor', at} end

local i = 5
while i <= #ARGV do
  local words = tonumber(ARGV[i])
  local command = ARGV[i + 1]
  if command ~= 'RENAME' or redis.call('EXISTS', ARGV[i + 2]) == 1 then
    redis.call(unpack(ARGV, i + 1, i + words))
  end
  i = i + words + 1
end
redis.call('SET', KEYS[1], ARGV[3])
return {'applied', ARGV[3]}
