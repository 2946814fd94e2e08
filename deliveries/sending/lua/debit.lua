-- What does not wait: it takes its tokens where there are none, and who comes after it waits until they are made up
-- for. A number below zero gives back. KEYS: buckets; ARGV: the moment, then a rate and a number for each.
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1000000
end
for i, key in ipairs(KEYS) do
    local rate, number = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local found = redis.call('HMGET', key, 'tokens', 'at')
    local tokens, at = tonumber(found[1] or 0), tonumber(found[2] or now)
    local most = math.max(1, rate)
    tokens = math.min(most, math.min(most, tokens + math.max(0, now - at) * rate) - number)
    redis.call('HSET', key, 'tokens', string.format('%.9f', tokens), 'at', string.format('%.6f', now))
    local left = math.max(0, redis.call('TTL', key))
    redis.call('EXPIRE', key, math.max(left, math.ceil(60 + 2 / rate + math.max(0, -tokens) / rate)))
end
