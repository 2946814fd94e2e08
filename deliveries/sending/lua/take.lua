-- Takes up to ARGV[1] tokens of each bucket in KEYS for the delivery ARGV[2]; returns how many, seconds to wait, and the
-- first place in the queue.
--
-- A bucket is a hash: its tokens and when they were counted; and of each delivery that draws from it `s:` what it
-- was given, `h:` until when it counts as turned away, `q:` until when it has given places in its queue away.
--
-- Sharing is start-time fair queueing. Nobody may be a quantum ahead of another who is waiting; `v` is where the
-- last one served stood, and whoever comes back from doing nothing begins there, so that idle time earns no claim.
--
-- Where tokens are so far apart that lanes let their workers go in between, a claim lasts until the next token and a
-- turn of another's lane beyond it, and whoever is refused in its favour is told to come back for the one after: else
-- the lane that is always there first would have every token.
local wanted, me, queues, behind = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1', ARGV[4] == '1'
local now = tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1000000
end
local shortest, longest, grace = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local far_apart, slow_grace = tonumber(ARGV[9]), tonumber(ARGV[10])
local grant, buckets = wanted, {}
for i, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[10 + i])
    local b = {key = key, rate = rate, tokens = 0, at = now, v = 0, s = {}, h = {}, q = {}}
    local found = redis.call('HGETALL', key)
    for j = 1, #found, 2 do
        local kind, who = string.match(found[j], '^([shq]):(.*)$')
        if kind then
            b[kind][who] = tonumber(found[j + 1])
        else
            b[found[j]] = tonumber(found[j + 1])
        end
    end
    b.tokens = math.min(math.max(1, rate), b.tokens + math.max(0, now - b.at) * rate)
    b.room = math.max(0, math.floor(b.tokens + 0.000001))
    b.mine = b.s[me] or 0
    if (b.h[me] or 0) <= now then
        b.mine = math.max(b.mine, b.v)
    end
    for who, until_then in pairs(b.h) do
        if who ~= me and until_then > now then
            local quantum = math.max(1, math.floor(rate * shortest))
            b.room = math.min(b.room, math.max(0, b.s[who] + quantum - b.mine))
        elseif who ~= me and math.max(until_then, b.q[who] or 0) < now - 60 then
            redis.call('HDEL', key, 's:' .. who, 'h:' .. who, 'q:' .. who)
        end
    end
    b.slot = math.max(b.q[me] or 0, now)
    b.is_behind = behind and b.slot > now
    if b.is_behind then
        b.room = 0
    end
    grant = math.min(grant, b.room)
    buckets[i] = b
end
local wait, first_slot = 0, 0
for _, b in ipairs(buckets) do
    local is_limiting = grant < wanted and b.room == grant
    local again = math.max(1 - (b.tokens - grant), 0) / b.rate
    local is_slow = 1 / b.rate > far_apart
    if is_limiting and is_slow and again == 0 then
        again = 1 / b.rate
    end
    local hungry_until = now
    if is_limiting then
        wait = math.max(wait, again)
    end
    if is_limiting and not b.is_behind then
        hungry_until = now + math.max(shortest, is_slow and again or math.min(again, longest)) +
            (is_slow and slow_grace or grace)
    end
    if grant > 0 then
        b.v = math.max(b.v, b.mine)
    end
    if queues and grant < wanted then
        b.slot = math.max(b.slot, now + math.max(0, -b.tokens) / b.rate)
        first_slot = b.slot + 1 / b.rate - now
        b.slot = b.slot + (wanted - grant) / b.rate
    end
    redis.call('HSET', b.key, 'tokens', string.format('%.9f', b.tokens - grant), 'at', string.format('%.6f', now),
        'v', string.format('%.0f', b.v), 'q:' .. me, string.format('%.6f', b.slot),
        's:' .. me, string.format('%.0f', b.mine + grant), 'h:' .. me, string.format('%.6f', hungry_until))
    local debt = math.max(0, grant - b.tokens) / b.rate
    redis.call('EXPIRE', b.key, math.ceil(60 + 2 / b.rate + math.max(debt, b.slot - now)))
end
return {grant, tostring(wait), tostring(first_slot)}
