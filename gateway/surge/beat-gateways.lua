-- Says that a gateway is alive, and counts those that are.
--
-- KEYS[1]  the gateways: a sorted set, member = a gateway's id, score = its last beat in milliseconds since 1970
-- ARGV[1]  the gateway's id
-- ARGV[2]  milliseconds after which one that is silent is no longer counted
-- returns  how many there are, this one among them

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
-- After a clock that has gone back those who died before would be counted until it has caught up.
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
