-- Makes what carries certain tags void, in the order of all gateways, and tells them. Without tags it tells what the order
-- has come to, and the time.
--
-- KEYS[1]  the order: a sorted set, member = a tag, score = the version of its last invalidation, in microseconds since
--          1970 or, where those would not be newer, one after the newest; member '' = the version up to which the set
--          may lack invalidations
-- ARGV[1]  the channel on which gateways listen
-- ARGV[2]  the sender's id
-- ARGV[3]  the newest version that the sender knows: if the order has not come to it, it was lost in part, with a failover
--          or a server that came back with an old snapshot, and everything is void
-- ARGV[4]  how many tags are remembered
-- ARGV[5]  milliseconds after which an order that nobody has asked for is forgotten
-- ARGV[6]  the tags as a JSON list, for those who listen
-- ARGV[7…] the tags
-- tells    "<version> <the version told before, 0 for none> <sender> <tags>"; of what was lost the sender is "-"
-- returns  {seconds, microseconds of the second: the time here,
--           the newest version,
--           the newest that was told, 0 for none}

local exact = function(version) return string.format('%.0f', version) end

local time = redis.call('TIME')
local known = tonumber(ARGV[3])
local top = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')
local newest = tonumber(top[2] or 0)
local told = tonumber((top[1] == '' and top[4] or top[1] ~= '' and top[2]) or 0)
-- A server that comes back empty, or whose clock goes back, does not go back in the order.
local next = math.max(newest + 1, known + 1, time[1] * 1000000 + time[2])

local invalidate = function(sender, json, tags, first)
  for i = first, #tags do
    redis.call('ZADD', KEYS[1], exact(next), tags[i])
  end
  redis.call('PUBLISH', ARGV[1], exact(next) .. ' ' .. exact(told) .. ' ' .. sender .. ' ' .. json)
  told = next
  newest = next
  next = next + 1
end

if newest == 0 then
  redis.call('ZADD', KEYS[1], exact(next), '')
  newest = next
  next = next + 1
elseif known > newest then
  invalidate('-', '["*"]', { '*' }, 1)
end

if #ARGV >= 7 then
  invalidate(ARGV[2], ARGV[6], ARGV, 7)
  local over = redis.call('ZCARD', KEYS[1]) - 1 - ARGV[4]
  if over > 0 then
    -- One more, since '' may be among the oldest; it is put back as the youngest of what is dropped.
    local dropped = redis.call('ZPOPMIN', KEYS[1], over + 1)
    redis.call('ZADD', KEYS[1], dropped[#dropped], '')
  end
end

redis.call('PEXPIRE', KEYS[1], ARGV[5])
return { tonumber(time[1]), tonumber(time[2]), exact(newest), exact(told) }
