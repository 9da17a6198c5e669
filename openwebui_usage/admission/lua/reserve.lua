-- Hold what a call wants of every counter, or of none. By Redis's own clock.
-- KEYS: used, holds, ends of each counter.  ARGV: lease ('' only asks), milliseconds that it lasts, a lease that it
-- replaces or '', how many such shares of what is left make the whole, then of each: limit, wanted, and up to what its
-- share of what is left is held where that is more.
-- Answers {1} held | {0, counter, used, held} refused | {-1, counters that nobody has read from the ledger yet …}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local missing, amounts = {-1}, {}
for i = 1, #KEYS / 3 do
  if redis.call('EXISTS', KEYS[3 * i - 2]) == 0 then missing[#missing + 1] = i end
end
if #missing > 1 then return missing end
for i = 1, #KEYS / 3 do
  local used, holds, ends = tonumber(redis.call('GET', KEYS[3 * i - 2])), KEYS[3 * i - 1], KEYS[3 * i]
  if ARGV[3] ~= '' then
    redis.call('HDEL', holds, ARGV[3])
    redis.call('ZREM', ends, ARGV[3])
  end
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    redis.call('HDEL', holds, lease)
    redis.call('ZREM', ends, lease)
  end
  local held = 0
  for _, amount in ipairs(redis.call('HVALS', holds)) do held = held + tonumber(amount) end
  local limit, wanted, up_to = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
  amounts[i] = math.max(wanted, math.min(up_to, math.ceil(math.max(0, limit - used) / tonumber(ARGV[4]))))
  if used + held >= limit then
    return {0, i, string.format('%.0f', used), string.format('%.0f', held)}
  end
end
if ARGV[1] == '' then return {1} end
local lasts = tonumber(ARGV[2])
for i = 1, #KEYS / 3 do
  redis.call('HSET', KEYS[3 * i - 1], ARGV[1], string.format('%.0f', amounts[i]))
  redis.call('ZADD', KEYS[3 * i], now + lasts, ARGV[1])
  redis.call('PEXPIRE', KEYS[3 * i - 1], lasts * 2)
  redis.call('PEXPIRE', KEYS[3 * i], lasts * 2)
end
return {1}
