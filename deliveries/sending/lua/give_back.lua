-- Gives ARGV[1] tokens of the delivery ARGV[2] back to each bucket in KEYS.
for i, key in ipairs(KEYS) do
    local tokens = tonumber(redis.call('HGET', key, 'tokens'))
    if tokens then
        local most = math.max(1, tonumber(ARGV[2 + i]))
        redis.call('HSET', key, 'tokens', string.format('%.9f', math.min(most, tokens + tonumber(ARGV[1]))))
        redis.call('HINCRBYFLOAT', key, 's:' .. ARGV[2], -tonumber(ARGV[1]))
    end
end
