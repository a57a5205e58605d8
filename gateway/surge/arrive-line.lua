-- What comes to one line, step by step in the order of the arguments: callers who ask, points given back, and how the
-- line's owner says that it stands.
--
-- Times are in milliseconds. The line's own time is the wall clock's less a shift, which grows by every pause and falls by as
-- much as the clock goes back. It begins at 0 with the line, so that instants keep their precision.
--
-- KEYS[1]  the line, a hash:
--            epoch   this life of the line
--            shift   what the wall clock is ahead of the line's time, but for a pause that goes on
--            since, told    when the owner first and last said that the line is paused (wall)
--            over    when the owner first said, after that, that it is not (wall)
--            seen, owed     the points that were really taken: how many had not flowed in again at an instant (wall)
--            end     where the schedule of reservations ends
--            heirs   until when the schedule is of places that a life before this one gave
--            late    the last instant to which somebody was moved who was due and found no points
--            last    the latest instant of any place that it gave, or took up
--            away    where the room ends that those who were turned away will take
-- KEYS[2]  places: a sorted set, member = a caller, score = its instant
-- KEYS[3]  whose places of other lives were taken up: a sorted set, member = "<epoch> <caller>", score = until when nobody
--          may show another (wall). In one life a caller has one place at a time: moved or not, it is that one
-- KEYS[4]  those who were turned away: a sorted set, member = a caller, score = when it is to ask again
-- ARGV[1]  now, in milliseconds since 1970; empty: this server's clock
-- ARGV[2]  milliseconds that a line is kept after nothing of it matters any more
-- ARGV[3]  the horizon
-- ARGV[4]  the grace
-- ARGV[5]  how long after its instant a caller comes in time
-- ARGV[6]  the share of the rate that places leave free
-- ARGV[7]  how far ahead a place is at least in the mode PLACES
-- ARGV[8]  places that are kept at most
-- ARGV[9]  the epoch of a line that is made now
-- ARGV[10] the epoch by which the gateway knows the line; empty: by none
-- ARGV[11] the latest turn that the gateway has promised in it (wall); empty: none
-- then the steps, each a letter and
--   r  points a millisecond, burst: the rate of the steps that follow; the first step
--   O, P, S, Z  a caller asks in the mode OPEN, PLACES, SPENT, PAUSED: caller, points; how many may wait, or in S and Z the
--               points that a newcomer takes; the place it shows as "<epoch> <instant> <shift>", or empty
--   g  points given back, epoch; caller and instant of the place that is due again, or empty twice
--   h  1: the line is paused; 0: it is not
-- returns  now, the epoch, then for each caller a string, of a letter and numbers:
--   A  admitted: available points, waiting
--   Y  admitted on standby: available points, waiting
--   D  admitted by a place: available points, waiting, instant, shift, how late
--   K, N, M  keeps a place, has a new one, was moved: waiting, instant, shift, position
--   H, R, F, B  no place, for the horizon, for what remains, for fullness, for the brake: available points, waiting, ms to wait

local call, format, max, min = redis.call, string.format, math.max, math.min
local args, line, queue, honoured, turnedAway = ARGV, KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = tonumber(args[1])
if now == nil then
  local time = call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
local keep, horizon, grace = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
local hold, free, ahead, placesMax = tonumber(args[5]), tonumber(args[6]), tonumber(args[7]), tonumber(args[8])
-- What sums of instants may miss their exact value by: two dates apart are exact to a quarter of a microsecond.
local same = 0.0005
-- As ROUNDING in demand.ts, less 1.
local rounding = 2e-10
-- A call removes no more places than this whose grace is over, which is more than it can add.
local sweptMax = 512

-- As exact as the number.
local function text(number)
  return format('%.17g', number)
end

local held = call('HMGET', line, 'epoch', 'shift', 'since', 'told', 'seen', 'owed', 'end', 'heirs', 'late', 'last',
  'over', 'away')
local epoch, shift, since, told = held[1], tonumber(held[2]), tonumber(held[3]), tonumber(held[4])
local seen, owed, theEnd = tonumber(held[5]), tonumber(held[6]), tonumber(held[7])
local heirs, late, last, over = tonumber(held[8]), tonumber(held[9]), tonumber(held[10]), tonumber(held[11])
-- Not there in a line that turned away nobody, or that an earlier version made.
local away = tonumber(held[12]) or -1e15
if not epoch then
  epoch, shift, since, told = args[9], math.floor(now), nil, nil
  seen, owed, theEnd, heirs, late, last, away = now, 0, -1e15, -1e15, -1e15, -1e15, -1e15
  -- Of a line that the server has forgotten alone.
  call('UNLINK', queue, turnedAway)
end
if now < seen then
  -- In whole milliseconds, as pauses are, so that an instant is always rounded alike where it is written down.
  local back = math.ceil(seen - now)
  shift = shift - back
  if since then
    since, told, over = since - back, told - back, over and over - back
  end
end

-- A pause goes on while nobody says anything else, but no longer than this after the last word of it.
local function pauseEnd()
  return over or told + horizon
end

-- A clock that has moved by less than a millisecond since counts as one that stands still.
local wholeNow = math.floor(now)
local shiftNow, shiftText, lineNow
local function tellTime()
  shiftNow = shift
  if since then
    shiftNow = shift + min(wholeNow, pauseEnd()) - since
  end
  lineNow, shiftText = now - shiftNow, text(shiftNow)
end
tellTime()

if args[11] ~= '' and args[10] ~= epoch then
  heirs = max(heirs, min(tonumber(args[11]) - shiftNow, lineNow + horizon))
  theEnd = max(theEnd, heirs)
end

-- Places that are there, and of them those whose grace is over.
local places, expired = call('ZCARD', queue), 0
if places > 0 then
  expired = call('ZCOUNT', queue, '-inf', '(' .. text(lineNow - grace - same))
  if expired > 0 then
    local swept = min(expired, sweptMax)
    call('ZREMRANGEBYRANK', queue, 0, swept - 1)
    places, expired = places - swept, expired - swept
  end
end

local perMs, burst
-- Points that may be taken beyond the burst, so that whoever comes when told is admitted.
local slack

local function setRate(pointsPerMs, points)
  owed = max(0, owed - max(0, now - seen) * pointsPerMs)
  seen = now
  perMs, burst = pointsPerMs, points
  slack = burst * rounding + perMs * same
  -- Of a burst that has been lowered.
  if owed > burst + slack then
    owed = burst
  end
end

local function available()
  return max(0, burst - owed)
end

-- How long until the points are there.
local function waitFor(points)
  local short = owed + points - burst
  if short <= slack then
    return 0
  end
  return short / perMs
end

-- Places whose instant has come, of all that are there; nil while nobody wants to know.
local due

local function countDue()
  due = due or call('ZCOUNT', queue, '-inf', text(lineNow))
  return due
end

-- How many have their turn between now and that of a caller who is in the queue.
local function countBefore(caller, instant)
  if instant <= lineNow then
    return 0
  end
  return call('ZRANK', queue, caller) - countDue()
end

-- The first instant that is to come, or nil.
local function nextInstant()
  local rank = countDue()
  return tonumber(call('ZRANGE', queue, rank, rank, 'WITHSCORES')[2])
end

local function isFull()
  return available() >= burst - slack
end

-- What flows in now nobody could take later, whoever comes late.
local function isLeftOver()
  return lineNow >= heirs and (places == 0 or isFull())
end

-- Whether somebody who finds no points at this turn, or after it, can wait for what places leave free, so that nobody who
-- comes in time is moved for them: while that takes no more than half of the grace.
local function isLeisurely(instant)
  return free > 0 and late < instant + grace / 2
end

-- Whoever is late leaves what has flowed in for those who come in time, and for the next to come, as long as what places
-- leave free will do.
local function isOfOthers(points, lateMs)
  local holds = min(hold, burst / perMs / 2)
  if lateMs <= holds or not isLeisurely(lineNow - lateMs) or isFull() then
    return false
  end
  local next = nextInstant()
  local flowedIn = next and max(0, points - (next - lineNow) * perMs) or 0
  local spare = available() - points - flowedIn + slack
  return spare < call('ZCOUNT', queue, text(lineNow - holds + same), text(lineNow)) * points
end

-- Instants are written as Redis has them: that costs less than to write them anew.
local function keeps(letter, instantText, position)
  return format('%s %d %s %s %d', letter, places - expired, instantText, shiftText, position)
end

local function noPlace(letter, waitMs)
  return format('%s %.17g %d %.17g', letter, available(), places - expired, waitMs)
end

local function admitted(letter)
  return format('%s %.17g %d', letter, available(), places - expired)
end

-- The caller has this place, instead of what it had: the instant as text, and how many stand before it.
local function place(caller, instant)
  local instantText = text(instant)
  local added = call('ZADD', queue, instantText, caller)
  places = places + added
  if added == 0 or instant <= lineNow then
    due = nil
  end
  if instant > last then
    last = instant
    return instantText, instant > lineNow and places - 1 - countDue() or 0
  end
  return instantText, countBefore(caller, instant)
end

local function remove(caller, instant)
  call('ZREM', queue, caller)
  places = places - 1
  if due and instant <= lineNow then
    due = due - 1
  end
end

local sweptHonoured = false

-- A place of another life becomes the caller's own, once: its instant as text, or nil.
local function takeUp(caller, shown)
  local life, instantThen, shiftThen = string.match(shown, '^(%S+) (%S+) (%S+)$')
  local wall = tonumber(instantThen) + tonumber(shiftThen)
  if life == epoch or wall > now + horizon + same or now > wall + grace + same or places >= placesMax then
    return nil
  end
  if not sweptHonoured then
    sweptHonoured = true
    local over = call('ZCOUNT', honoured, '-inf', '(' .. text(now))
    if over > 0 then
      call('ZREMRANGEBYRANK', honoured, 0, min(over, sweptMax) - 1)
    end
  end
  local member = life .. ' ' .. caller
  if call('ZSCORE', honoured, member) or call('ZCARD', honoured) >= placesMax then
    return nil
  end
  -- Whatever may be shown was given before this, a horizon ahead at most.
  call('ZADD', honoured, text(now + horizon + grace), member)
  return (place(caller, wall - shiftNow))
end

-- The instant of the caller's own place as text, or nil.
local function placeOf(caller, shown)
  if places > 0 then
    local instantText = call('ZSCORE', queue, caller)
    if instantText then
      local instant = tonumber(instantText)
      if lineNow <= instant + grace + same then
        return instantText
      end
      remove(caller, instant)
      expired = max(0, expired - 1)
    end
  end
  if shown ~= '' then
    return takeUp(caller, shown)
  end
end

-- To behind all who were moved. Where nobody else stands in the schedule, newcomers come behind it.
local function moveFrom(instant, waitMs, length)
  local soonest = lineNow + max(waitMs, 2 * same)
  local isLast = theEnd <= max(soonest, late) + 2 * same
  if isLast or not isLeisurely(instant) then
    late = max(soonest, late + length)
  else
    late = max(lineNow, late) + length * (1 + 1 / free)
  end
  if isLast then
    theEnd = late
  end
end

local function admitOrMove(caller, points, instantText, instant)
  local waitMs = waitFor(points)
  if waitMs > 0 or isOfOthers(points, lineNow - instant) then
    moveFrom(instant, waitMs, points / perMs)
    return keeps('M', place(caller, late))
  end
  owed = owed + points
  remove(caller, instant)
  return format('%s %s %s %.17g', admitted('D'), instantText, shiftText, max(0, lineNow - instant))
end

local function admitBraked(points)
  local waitMs = waitFor(points)
  if waitMs > 0 then
    return noPlace('B', waitMs)
  end
  owed = owed + points
  return admitted('A')
end

local sweptAway = false

-- How long a caller who gets no place waits before it asks again: until there is room, from an instant on, and all who were
-- turned away before have come for theirs, a reservation after another. A horizon at most: by then all have had their turn
-- who have a place now. Whoever asks sooner is told the same, and delays nobody.
local function turnAway(caller, room, length)
  if not sweptAway then
    sweptAway = true
    local come = call('ZCOUNT', turnedAway, '-inf', text(lineNow))
    if come > 0 then
      call('ZREMRANGEBYRANK', turnedAway, 0, min(come, sweptMax) - 1)
    end
  end
  local told = tonumber(call('ZSCORE', turnedAway, caller))
  if told and told > lineNow then
    return told - lineNow
  end
  away = min(max(room, away + length), lineNow + horizon)
  local ask = max(away, lineNow + 1000)
  if told or call('ZCARD', turnedAway) < placesMax then
    call('ZADD', turnedAway, text(ask), caller)
  end
  return ask - lineNow
end

local function whyNoPlace(caller, instant, length, waitingMax)
  local waiting = places - expired
  if instant - lineNow > horizon + same then
    return noPlace('H', turnAway(caller, instant - horizon, length))
  elseif waiting >= waitingMax then
    -- Somebody may not come.
    return noPlace('R', theEnd - lineNow)
  elseif waiting >= placesMax then
    -- Where all who have a place are due, any moment.
    return noPlace('F', turnAway(caller, nextInstant() or lineNow, length))
  end
end

local function givePlace(caller, instant, length, waitingMax)
  local refusal = whyNoPlace(caller, instant, length, waitingMax)
  if refusal then
    return refusal
  end
  theEnd = instant
  return keeps('N', place(caller, instant))
end

local function serveNewcomer(mode, caller, points, waitingMax)
  local since, length = max(theEnd, lineNow - burst / perMs), points / perMs
  local turn = since + length
  local waitMs = waitFor(points)
  if mode == 'P' then
    waitMs = max(waitMs, ahead)
  elseif waitMs == 0 and turn <= lineNow + same then
    theEnd, owed = turn, owed + points
    return admitted('A')
  elseif waitMs == 0 and isLeftOver() then
    owed = owed + points
    return admitted('Y')
  end
  local reserved = length * (1 + free)
  return givePlace(caller, max(since + reserved, lineNow + waitMs), reserved, waitingMax)
end

local function arrive(mode, caller, points, limit, shown)
  local instantText
  if places > 0 or shown ~= '' then
    instantText = placeOf(caller, shown)
  end
  local instant = instantText and tonumber(instantText)
  if instant and mode ~= 'Z' and instant <= lineNow + same then
    return admitOrMove(caller, points, instantText, instant)
  elseif instant and mode ~= 'S' then
    return keeps('K', instantText, countBefore(caller, instant))
  elseif mode == 'S' or mode == 'Z' then
    return admitBraked(limit)
  end
  return serveNewcomer(mode, caller, points, limit)
end

local function giveBack(points, life, caller, instant)
  -- What was taken of a line that was lost is not owed to this one.
  if life ~= epoch then
    return
  end
  owed = max(0, owed - points)
  if caller ~= '' and lineNow <= instant + grace + same then
    places, due = places + call('ZADD', queue, 'NX', text(instant), caller), nil
  end
end

-- How long after the last word of a pause there may be another of the same: gateways hear of its end at different moments.
local pauseToldMs = 2000

local function heed(isPaused)
  if since and not isPaused then
    over = min(wholeNow, pauseEnd())
  end
  if since and wholeNow - told > pauseToldMs and wholeNow >= pauseEnd() then
    shift, since, told, over = shift + pauseEnd() - since, nil, nil, nil
  end
  if isPaused then
    since, told, over = since or wholeNow, wholeNow, nil
  end
  tellTime()
  due = nil
end

local answers = { text(now), epoch }
local at, argsCount = 12, #args
while at <= argsCount do
  local step = args[at]
  if step == 'r' then
    setRate(tonumber(args[at + 1]), tonumber(args[at + 2]))
    at = at + 3
  elseif step == 'g' then
    giveBack(tonumber(args[at + 1]), args[at + 2], args[at + 3], tonumber(args[at + 4]))
    at = at + 5
  elseif step == 'h' then
    heed(args[at + 1] == '1')
    at = at + 2
  else
    answers[#answers + 1] = arrive(step, args[at + 1], tonumber(args[at + 2]), tonumber(args[at + 3]), args[at + 4])
    at = at + 5
  end
end

-- Of a line that was not there and that nobody has taken anything of there is nothing to keep.
if not held[1] and owed == 0 and places == 0 and not since and not sweptAway then
  return answers
end
-- In calm most of it is as it was.
local changed = { 'epoch', epoch, 'seen', text(now), 'owed', text(owed) }
local function write(field, value, before)
  if value and (not before or value ~= tonumber(before)) then
    changed[#changed + 1] = field
    changed[#changed + 1] = text(value)
  end
end
write('shift', shift, held[2])
write('since', since, held[3])
write('told', told, held[4])
write('over', over, held[11])
write('end', theEnd, held[7])
write('heirs', heirs, held[8])
write('late', late, held[9])
write('last', last, held[10])
if away > -1e15 then
  write('away', away, held[12])
end
call('HSET', line, unpack(changed))
if held[3] and not since then
  call('HDEL', line, 'since', 'told')
end
if held[11] and not over then
  call('HDEL', line, 'over')
end
-- Until its budget is full. One that gave places, until the last of their tokens is void: before that, whoever shows one
-- again would be taken for somebody of another life. A pause that nobody tells of meanwhile makes it no later.
local keptMs = max(0, theEnd - lineNow, burst / perMs) + keep
if since or last > -1e15 then
  keptMs = max(keptMs, last - lineNow + grace + keep) + horizon
end
-- The server takes no later instant than an integer of 64 bits holds.
local expiry = format('%.0f', min(math.ceil(keptMs), 1e15))
call('PEXPIRE', line, expiry)
if places > 0 then
  call('PEXPIRE', queue, expiry)
end
if sweptHonoured then
  call('PEXPIRE', honoured, horizon + grace + keep)
end
if sweptAway then
  call('PEXPIRE', turnedAway, horizon + keep)
end
return answers
