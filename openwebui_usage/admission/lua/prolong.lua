-- Prolong the reservations of a call that takes long, by Redis's own clock. Released ones stay released.
-- KEYS: reserved, ends of each counter.  ARGV: call, milliseconds that they last.
local time = redis.call('TIME')
local now, lasts = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
for i = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * i], 'XX', now + lasts, ARGV[1])
  redis.call('PEXPIRE', KEYS[2 * i - 1], lasts * 2)
  redis.call('PEXPIRE', KEYS[2 * i], lasts * 2)
end
