-- A call takes long: its lease lasts on, by Redis's own clock. One that was released meanwhile stays released.
-- KEYS: holds, ends of each counter.  ARGV: lease, milliseconds that it lasts.
local time = redis.call('TIME')
local now, lasts = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
for i = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * i], 'XX', now + lasts, ARGV[1])
  redis.call('PEXPIRE', KEYS[2 * i - 1], lasts * 2)
  redis.call('PEXPIRE', KEYS[2 * i], lasts * 2)
end
