-- Change the levels of leaky buckets in one step, by Redis's own clock. A key holds when its bucket will have leaked dry.
-- KEYS: one bucket each.  ARGV: amount, '1' to refuse where one more does not fit, then of each bucket: burst, seconds
-- that one takes to leak.
-- Answers '' done | seconds until one more fits in all of them: nothing was changed.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local amount, wait, empty_at = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  local burst, every = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  empty_at[key] = math.max(tonumber(redis.call('GET', key) or now), now)
  wait = math.max(wait, empty_at[key] - now - (burst - 1) * every)
end
if ARGV[2] == '1' and wait > 0.000001 then return string.format('%.6f', wait) end
if amount == 0 then return '' end
for i, key in ipairs(KEYS) do
  local ends = empty_at[key] + amount * tonumber(ARGV[2 * i + 2])
  empty_at[key] = ends
  if ends > now then
    redis.call('SET', key, string.format('%.6f', ends), 'PX', math.ceil((ends - now) * 1000))
  else
    redis.call('DEL', key)
  end
end
return ''
