-- Deletes keys of one build of a partition, unless it is live or being built now.
--
-- KEYS  1 version that is live, 2 what says which is built, then the keys
-- ARGV  1 version of the build
local beside = string.match(redis.call('GET', KEYS[2]) or '', '^%d+')
if redis.call('GET', KEYS[1]) == ARGV[1] or beside == ARGV[1] then return 0 end
return redis.call('UNLINK', unpack(KEYS, 3))
