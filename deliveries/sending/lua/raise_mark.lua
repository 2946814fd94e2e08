-- The mark of the instance that KEYS[1] names never goes back: ARGV[1] is its number, ARGV[2] what stands behind it.
local known = redis.call('GET', KEYS[1])
if not known or tonumber(string.match(known, '^%d+')) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
end
