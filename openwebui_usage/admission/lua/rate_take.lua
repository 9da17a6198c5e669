-- Take something of several rates, or of none. By Redis's own clock.
-- KEYS: when, and how much, by call, of each rate.  ARGV: call, milliseconds that the window has, then of each rate:
-- limit, amount, what has to be left.
-- Answers {1} taken | {0, rate, used, milliseconds until there is room} refused.
local time = redis.call('TIME')
local now, window = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
for i = 1, #KEYS / 2 do
  local times, amounts = KEYS[2 * i - 1], KEYS[2 * i]
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', now - window)) do
    redis.call('HDEL', amounts, call)
  end
  redis.call('ZREMRANGEBYSCORE', times, '-inf', now - window)
  local used = 0
  for _, part in ipairs(redis.call('HVALS', amounts)) do used = used + tonumber(part) end
  local room = tonumber(ARGV[3 * i]) - tonumber(ARGV[3 * i + 2])
  if used > room then
    local left, wait = used, window
    local entries = redis.call('ZRANGE', times, 0, -1, 'WITHSCORES')
    for j = 1, #entries, 2 do
      left = left - tonumber(redis.call('HGET', amounts, entries[j]) or 0)
      if left <= room then
        wait = tonumber(entries[j + 1]) + window - now
        break
      end
    end
    return {0, i, string.format('%.0f', used), string.format('%.0f', math.max(0, wait))}
  end
end
for i = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * i - 1], now, ARGV[1])
  redis.call('HSET', KEYS[2 * i], ARGV[1], ARGV[3 * i + 1])
  redis.call('PEXPIRE', KEYS[2 * i - 1], window)
  redis.call('PEXPIRE', KEYS[2 * i], window)
end
return {1}
