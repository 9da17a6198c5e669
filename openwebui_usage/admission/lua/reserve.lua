-- Make all reservations of a call, or none. By Redis's own clock.
-- KEYS: used, reserved, ends of each counter.  ARGV: call ('' only asks), milliseconds that its reservations last, a call
-- that it replaces or '', how many shares what is left is divided into, then of each counter: limit, amount, up to which
-- amount a share is reserved where that is more, and what has to be left.
-- Answers {1} reserved | {0, counter, used, reserved} refused | {-1, counters that must be read from the ledger first …}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local missing, amounts = {-1}, {}
for i = 1, #KEYS / 3 do
  if redis.call('EXISTS', KEYS[3 * i - 2]) == 0 then missing[#missing + 1] = i end
end
if #missing > 1 then return missing end
for i = 1, #KEYS / 3 do
  local used, reserved, ends = tonumber(redis.call('GET', KEYS[3 * i - 2])), KEYS[3 * i - 1], KEYS[3 * i]
  if ARGV[3] ~= '' then
    redis.call('HDEL', reserved, ARGV[3])
    redis.call('ZREM', ends, ARGV[3])
  end
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    redis.call('HDEL', reserved, call)
    redis.call('ZREM', ends, call)
  end
  local sum = 0
  for _, part in ipairs(redis.call('HVALS', reserved)) do sum = sum + tonumber(part) end
  local limit, amount, up_to = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2]), tonumber(ARGV[4 * i + 3])
  local must_fit = math.max(1, tonumber(ARGV[4 * i + 4]))
  amounts[i] = math.max(amount, math.min(up_to, math.ceil(math.max(0, limit - used) / tonumber(ARGV[4]))))
  if used + sum + must_fit > limit then
    return {0, i, string.format('%.0f', used), string.format('%.0f', sum)}
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
