-- Note the sum of one counter in the ledger, and release the reservations of calls that ended.
-- KEYS: used, reserved, ends.  ARGV: used or '' if it is unknown, milliseconds that it is valid, then calls.
-- Sums only grow within a period, so the greater one is the newer one, in whatever order workers report them.
if ARGV[1] ~= '' then
  local known = tonumber(redis.call('GET', KEYS[1]))
  if not known then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  elseif tonumber(ARGV[1]) > known then
    redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
  end
end
for i = 3, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[i])
  redis.call('ZREM', KEYS[3], ARGV[i])
end
