-- What is used of some counters, and what calls under way have reserved, by Redis's own clock. Changes nothing.
-- KEYS: used, reserved, ends of each counter.  ARGV: a call whose own reservations do not count, or ''.
-- Answers {1, used, reserved of each} | {-1, counters that must be read from the ledger first …}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local missing, found = {-1}, {1}
for i = 1, #KEYS / 3 do
  local used = redis.call('GET', KEYS[3 * i - 2])
  if used then
    local sum = 0
    for _, call in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3 * i], '(' .. now, '+inf')) do
      if call ~= ARGV[1] then sum = sum + tonumber(redis.call('HGET', KEYS[3 * i - 1], call) or 0) end
    end
    found[#found + 1] = used
    found[#found + 1] = string.format('%.0f', sum)
  else
    missing[#missing + 1] = i
  end
end
if #missing > 1 then return missing end
return found
