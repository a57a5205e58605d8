-- Gives back to buckets and takes from them, one after the other, in the order of the arguments.
--
-- A bucket is "<seen> <debt>": when its GCRA schedule was last changed (milliseconds since 1970), and by how much the
-- schedule's end lay ahead of that (milliseconds). One that is full has no key: it expires once its schedule is over. As
-- a debt the end keeps its precision, and a clock that goes back (a step, or a replica that takes over) takes the schedule
-- with it instead of closing the bucket.
--
-- KEYS     buckets under one hash tag; one may come again
-- ARGV[1]  now in milliseconds, on any scale; empty: this server's clock
-- ARGV[2]  milliseconds that a bucket is kept after it is full
-- then for each key
--   points a millisecond
--   the longest debt, in milliseconds
--   the number of steps that follow
--   for each step one of
--     points to take, above 0
--     points to give back, below 0, and the end of the schedule behind which nothing may be reserved, empty for any
-- returns  now in milliseconds, then for each taking step the debt in milliseconds that it left, as strings: minus the
--          debt that was in its way when it was refused

local now = tonumber(ARGV[1])
if now == nil then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
local keep = tonumber(ARGV[2])
-- What two sums of dates, exact to a quarter of a microsecond, may differ by.
local same = 0.001
-- Sums of many short times may miss their exact value by this much and still count as it: as in demand.ts.
local rounding = 1 + 2e-10
local answers = { string.format('%.3f', now) }
local at = 3

for k = 1, #KEYS do
  local perMs, debtMax, steps = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  local debt, changed = 0, false
  local held = redis.call('GET', KEYS[k])
  if held then
    local seen, owed = string.match(held, '^(%S+) (%S+)$')
    local elapsed = now - tonumber(seen)
    debt = math.max(0, tonumber(owed) - math.max(0, elapsed))
    -- A debt of another rate, before a change, is never more than this one's bucket can owe.
    local isMore = debt > debtMax * rounding
    if isMore then debt = debtMax end
    changed = elapsed < 0 or isMore
  end
  for _ = 1, steps do
    local points = tonumber(ARGV[at])
    at = at + 1
    if points > 0 then
      local nextDebt = debt + points / perMs
      if nextDebt <= debtMax * rounding then
        debt, changed = nextDebt, true
        answers[#answers + 1] = string.format('%.17g', debt)
      else
        answers[#answers + 1] = string.format('-%.17g', debt)
      end
    else
      local theEnd = tonumber(ARGV[at])
      at = at + 1
      if debt > 0 and (theEnd == nil or math.abs(now + debt - theEnd) < same) then
        debt, changed = math.max(0, debt + points / perMs), true
      end
    end
  end
  if changed and debt > 0 then
    -- The server takes no later instant than an integer of 64 bits holds.
    local keptMs = string.format('%.0f', math.min(math.ceil(debt) + keep, 1e15))
    redis.call('SET', KEYS[k], string.format('%.3f %.17g', now, debt), 'PX', keptMs)
  elseif changed then
    redis.call('DEL', KEYS[k])
  end
end
return answers
