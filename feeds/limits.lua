-- Decides by the buckets of a group, all at once; feeds/limits.py asks, and tells what is kept.
--
-- KEYS[1]     the lease of the account; [2] until when the group is held; then the state of each bucket, and after that
--             of a sliding one its log
-- ARGV[1..7]  what is asked; the claim on the lease, or ''; the time (us), or '' for the server's; of a clock that runs
--             at a speed: when it began by the server (us), what it showed then (us), its factor; and how many ms of the
--             server a us of the clock is, for how long keys live
--             (ARGV[8] of a hold: for how long, us)
-- ARGV[8..]   for each bucket: kind, the plan a and b, capacity, how long its key lives (ms), 1 if it is a listing's, how
--             many keys it has, and for each of them the words of the question
--
-- The plan: of a token bucket a/b units a us; of the windows a units in b us; of an interval b us. A token bucket's level
-- is counted in b-ths of a unit, so that all is whole numbers below 2^53, which Lua has exactly.
--
-- A bucket's time never runs back: where a clock does, it stands still for the bucket.
--
-- Reply: {-1} the claim is void; {-2, which} can never be admitted by that key (from 1 on); else what the question brings.

local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local WEEK_MS = 604800000
local what = ARGV[1]

if ARGV[2] ~= '' and call('GET', KEYS[1]) ~= ARGV[2] then
  return {-1}
end

local now = tonumber(ARGV[3])
if not now then
  local told = call('TIME')
  now = told[1] * 1000000 + told[2]
  local factor = tonumber(ARGV[6])
  if factor ~= 1 then
    now = ARGV[5] + floor((now - ARGV[4]) * factor)
  end
end

-- Time and units of the entries of a log, from the one at `first` on (0: the oldest).
local function entries(log, first)
  local chunk, at = {}, 0
  return function()
    at = at + 1
    if at > #chunk then
      first, at = first + #chunk, 1
      chunk = call('LRANGE', log, first, first + 99)
    end
    if chunk[at] then
      local time, units = chunk[at]:match('(%d+) (%d+)')
      return tonumber(time), tonumber(units)
    end
  end
end

local function entry(time, units)
  return string.format('%.0f %.0f', time, units)
end

-- What a bucket is at this instant. `units`: the level (token), or what is used up (windows). `gained`: rises with all
-- that was put back, and by so much with a correction that nothing from before it can be given back any more.
local function open(it, key, log)
  local kept = call('HMGET', key, 'u', 'd', 't', 's', 'g', 'c', 'a', 'b')
  it.key, it.log = key, log
  it.declared_a, it.declared_b = it.a, it.b
  it.a, it.b, it.told = tonumber(kept[7] or it.a), tonumber(kept[8] or it.b), kept[7]
  it.units, it.last = tonumber(kept[1] or 0), tonumber(kept[3] or -it.b)
  it.spent, it.gained, it.closed = tonumber(kept[4] or 0), tonumber(kept[5] or 0), tonumber(kept[6] or 0)
  it.now = max(now, it.last)
  if it.kind == 'token' then
    local full = it.cap * it.b
    if not kept[1] then
      it.units = full
    elseif tonumber(kept[2]) ~= it.b then
      it.units = floor(it.units / kept[2] * it.b)
    end
    it.units = min(full, it.units + (it.now - it.last) * it.a)
  elseif it.kind == 'fixed' then
    it.window = floor(it.now / it.b)
    if tonumber(kept[2] or -1) ~= it.window then
      it.units = 0
    end
  elseif it.kind == 'sliding' then
    it.gone = 0
    if not kept[1] then
      call('DEL', log) -- outlived its state
    end
    for time, units in entries(log, 0) do
      if time + it.b > it.now then
        break
      end
      it.gone, it.units = it.gone + 1, it.units - units
    end
  end
  return it
end

-- Forget what has left the window: it is not in `units` any more.
local function trim(it)
  if it.log and it.gone > 0 then
    call('LTRIM', it.log, it.gone, -1)
    it.gone = 0
  end
end

local function save(it)
  trim(it)
  if it.kind ~= 'interval' then
    it.last = it.now
  end
  call('HSET', it.key, 'u', it.units, 'd', it.window or it.b, 't', it.last, 's', it.spent, 'g', it.gained, 'c', it.closed)
  local life = it.life + ceil(max(0, it.closed - now) * ARGV[7])
  if it.told then
    call('HSET', it.key, 'a', it.a, 'b', it.b)
    life = max(life, WEEK_MS)
  end
  call('PEXPIRE', it.key, life)
  if it.log then
    call('PEXPIRE', it.log, life)
  end
end

local function free(it)
  return it.kind == 'token' and floor(it.units / it.b) or it.a - it.units
end

-- In how many us so many units fit; nil: never. More than it needs itself must be `left` by a write of a listing's units
-- that are kept back.
local function wait(it, units, left)
  local need, due = units + left, it.now
  if units == 0 then
    return 0
  elseif it.kind == 'token' then
    if need > it.cap then return nil end
    due = it.now + ceil(max(0, need * it.b - it.units) / it.a)
  elseif it.kind == 'interval' then
    due = max(it.now, it.last + it.b)
  else
    if need > it.a then return nil end
    local over = it.units + need - it.a
    if over > 0 and it.kind == 'fixed' then
      due = (it.window + 1) * it.b
    elseif over > 0 then
      for time, of in entries(it.log, it.gone) do
        over = over - of
        if over <= 0 then
          due = time + it.b
          break
        end
      end
    end
  end
  local open_at = max(due, it.closed)
  return open_at > it.now and open_at - now or max(0, it.closed - now)
end

-- Put units into the log of a sliding window, or take its oldest out.
local function log_in(it, units)
  it.units = it.units + units
  local newest = call('LINDEX', it.log, -1)
  local time, of = (newest or '0 0'):match('(%d+) (%d+)')
  if tonumber(time) == it.now then
    call('LSET', it.log, -1, entry(it.now, of + units))
  else
    call('RPUSH', it.log, entry(it.now, units))
  end
end

local function log_out(it, units)
  trim(it)
  while units > 0 do
    local time, of = call('LINDEX', it.log, 0):match('(%d+) (%d+)')
    local out = min(units, tonumber(of))
    if out == tonumber(of) then
      call('LPOP', it.log)
    else
      call('LSET', it.log, 0, entry(time, of - out))
    end
    units, it.units = units - out, it.units - out
  end
end

local function take(it, units)
  it.spent = it.spent + units
  if units == 0 then
    return
  elseif it.kind == 'token' then
    it.units = it.units - units * it.b
  elseif it.kind == 'fixed' then
    it.units = it.units + units
  elseif it.kind == 'sliding' then
    log_in(it, units)
  else
    it.last = it.now
  end
end

-- Undo a `take` of the time `at`, which left so many `units`, at that sum of `gained`: never more than is certainly
-- missing. A token bucket may have been full again in between, and what it was refilled with then has been spent.
local function put_back(it, many, at, units, gained)
  if it.kind == 'token' then
    local risen = it.gained - gained
    local missing = it.cap * it.b - units - (it.now - at) * it.a - risen
    local back = risen < 0 and 0 or max(0, min(many * it.b, missing))
    it.units, it.gained = it.units + back, it.gained + back
  elseif it.kind == 'interval' then
    if it.last == at then it.last = -it.b end
  elseif it.gained ~= gained then
    return
  elseif it.kind == 'fixed' then
    if floor(at / it.b) == it.window then it.units = it.units - many end
  else
    local nth = it.gone
    for time, of in entries(it.log, it.gone) do
      if time == at then
        local out = min(of, many)
        it.units = it.units - out
        call('LSET', it.log, nth, entry(time, of - out))
        if of == out then call('LREM', it.log, -1, entry(time, 0)) end
        return
      end
      nth = nth + 1
    end
  end
end

-- So many units are left, says the answer to a call of the time `at`, after which `spent` was the sum of all units taken:
-- what was taken since is not in it. Of a call that is not known it may only be less.
local function level_at(it, left, spent, at)
  if it.kind == 'interval' then
    if left < 1 then it.last = it.now end
    return
  end
  if it.kind == 'fixed' and at and floor(at / it.b) ~= it.window then
    return -- said of a window that is over
  end
  local here, later = free(it), spent and it.spent - spent
  local most = it.kind == 'token' and it.cap or it.a
  local target = min(most, max(0, later and later >= 0 and left - later or min(here, left)))
  if it.kind == 'token' then
    if later and later >= 0 or left < it.units / it.b then
      it.units = floor(target * it.b)
    end
    it.gained = it.gained + it.cap * it.b
    if it.gained > 2 ^ 52 then it.gained = 0 end
    return
  end
  it.gained = it.gained + 1
  if it.kind == 'fixed' then
    it.units = it.a - target
  elseif target < here then
    log_in(it, ceil(here - target))
  else
    log_out(it, floor(target - here))
  end
end

-- Nothing is admitted for so many us; then a token bucket has the one unit that was waited for.
local function close(it, us)
  if now + us <= it.closed then
    return
  end
  it.closed = now + us
  if it.kind == 'token' then
    it.units, it.now = it.b, it.closed
    it.gained = it.gained + it.cap * it.b
  end
end

-- The plan is another one until it is told anew; what is declared needs not be kept.
local function plan(it, a, b)
  if it.kind == 'token' then
    it.units = min(floor(it.units / it.b * b), it.cap * b)
    it.gained = it.gained + it.cap * b
  end
  it.a, it.b = a, b
  it.told = a ~= it.declared_a or b ~= it.declared_b
  if not it.told then
    call('HDEL', it.key, 'a', 'b')
  end
end

local WORDS = {ask = 2, room = 2, correct = 6, hold = 0, back = 4}
local rows = {}
local at, key = what == 'hold' and 9 or 8, 3
while ARGV[at] do
  local kind, keys = ARGV[at], tonumber(ARGV[at + 6])
  local a, b, cap, life, listing = unpack(ARGV, at + 1, at + 5)
  at = at + 7
  for _ = 1, keys do
    local declared = {kind = kind, a = tonumber(a), b = tonumber(b), cap = tonumber(cap), life = tonumber(life)}
    local log = kind == 'sliding' and KEYS[key + 1] or nil
    local row = {it = open(declared, KEYS[key], log), listing = listing == '1'}
    for word = 1, WORDS[what] do
      row[word] = tonumber(ARGV[at])
      at = at + 1
    end
    rows[#rows + 1] = row
    key = key + (log and 2 or 1)
  end
end

local function ms(us)
  return ceil(us / 1000)
end

local held = max(0, tonumber(call('GET', KEYS[2]) or 0) - now)

-- Words: units, units that must be left. Replies {1, time, and of each key what it is afterwards: spent, units, gained};
-- or {0, ms until all but the listings admit it, and of each listing that does not: which key, ms until it does}.
if what == 'ask' then
  local rest, refused = held, {}
  for nth, row in ipairs(rows) do
    local us = wait(row.it, row[1], row[2])
    if not us then
      return {-2, nth}
    elseif not row.listing then
      rest = max(rest, us)
    elseif us > 0 then
      refused[#refused + 1] = nth
      refused[#refused + 1] = ms(us)
    end
  end
  if rest > 0 or #refused > 0 then
    local reply = {0, ms(rest)}
    for _, word in ipairs(refused) do
      reply[#reply + 1] = word
    end
    return reply
  end
  local reply = {1, now}
  for _, row in ipairs(rows) do
    local it = row.it
    take(it, row[1])
    save(it)
    for _, word in ipairs({it.spent, it.units, it.gained}) do
      reply[#reply + 1] = word
    end
  end
  return reply
end

-- Words: units of a call with one item, 1 if each item takes as many again. Replies {ms until one is admitted, how many
-- items are now; -1: as many as you like}.
if what == 'room' then
  local rest, most = held, -1
  for nth, row in ipairs(rows) do
    local us = wait(row.it, row[1], 0)
    if not us then
      return {-2, nth}
    end
    rest = max(rest, us)
    if row[2] == 1 then
      local items = floor(free(row.it) / row[1])
      most = most < 0 and items or min(most, items)
    end
  end
  return {ms(rest), rest > 0 and 0 or most}
end

-- Words: units left, us to wait, plan a and b, sum spent and time of the call that was answered; '' where not said.
if what == 'correct' then
  for _, row in ipairs(rows) do
    local it, left, us = row.it, row[1], row[2]
    if row[3] then
      plan(it, row[3], row[4])
    end
    if left then
      level_at(it, left, row[5], row[6])
    end
    if us and not (left and left >= 1) then
      close(it, us)
    end
    save(it)
  end
  return {1}
end

-- The group, and these buckets, admit nothing for a while.
if what == 'hold' then
  local us = tonumber(ARGV[8])
  if us > held then
    call('SET', KEYS[2], now + us, 'PX', max(1, ceil(us * ARGV[7])) + WEEK_MS)
  end
  for _, row in ipairs(rows) do
    close(row.it, us)
    save(row.it)
  end
  return {1}
end

-- Words: units, time of the call, and what the bucket was after it: units, gained.
for _, row in ipairs(rows) do
  put_back(row.it, row[1], row[2], row[3], row[4])
  save(row.it)
end
return {1}
