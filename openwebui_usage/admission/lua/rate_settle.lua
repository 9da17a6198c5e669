-- Set right what a call took of a rate, unless it has left the window.
-- KEYS: when, and how much, by call.  ARGV: call, what it used, or '' where it was not made.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return end
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
