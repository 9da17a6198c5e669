-- What the ledger says of one counter, and the leases of it that ended.
-- KEYS: used, holds, ends.  ARGV: used or '' where nothing is known, milliseconds that it is believed, then leases.
-- Sums only grow within a period, so the greater one is the newer one, in whatever order workers tell.
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
