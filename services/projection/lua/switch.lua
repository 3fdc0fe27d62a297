-- Makes another build of a partition the live one, if everything still is as it was looked at.
--
-- KEYS  1 version that is live, 2 what says who rebuilds, 3 offset held at, 4 cursor of the build
-- ARGV  1 what each of them must be, in that order ('' for nothing), 5 the build's version
--
-- Redis may have fallen back, or lost everything, since the build was complete.
for i = 1, 4 do
  if (redis.call('GET', KEYS[i]) or '') ~= ARGV[i] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[5])
return 1
