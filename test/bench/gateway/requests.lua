-- What wrk sends. Arguments: a header line or nothing, text before the id, text after it, the first id's number (none: every
-- request is the same), how many of 1,000 requests ask for the same id instead, that id.
-- Ids have a fixed width, so that only the number of a request is ever formatted.
local before, after, number, hot, hotPerMille
local owed = 0

function init(args)
  local header
  header, before, after, number = args[1], args[2], args[3] or "", tonumber(args[4])
  hotPerMille = tonumber(args[5]) or 0
  if header ~= "" then header = header .. "\r\n" end
  local length = #before + #after + (number and 10 or 0)
  before = "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    .. "accept: application/json\r\n" .. header .. "content-length: " .. length .. "\r\n\r\n" .. before
  hot = before .. (args[6] or "") .. after
end

function request()
  if not number then return before .. after end
  -- The same share in every stretch of requests, and none of it left to chance.
  owed = owed + hotPerMille
  if owed >= 1000 then
    owed = owed - 1000
    return hot
  end
  number = number + 1
  return before .. string.format("p%09d", number) .. after
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationUs":%d,"bytes":%d,"failed":%d,"p50Us":%d,"p95Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
