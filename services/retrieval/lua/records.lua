-- Reads the records of some memories and the cursor they are good for, at one instant.
--
-- KEYS  1 cursor of the build
-- ARGV  1 prefix of the records' keys, 2 the ids, 36 characters each, without separator:
--       one long word costs the client far less than hundreds of short ones
-- Returns the cursor and the records, false for one that is not there.
local keys = {}
for i = 1, #ARGV[2], 36 do
  keys[#keys + 1] = ARGV[1] .. string.sub(ARGV[2], i, i + 35)
end
return {redis.call('GET', KEYS[1]) or '0', redis.call('MGET', unpack(keys))}
