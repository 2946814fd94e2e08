-- wrk asks for each line of a file once: a method, a path, and for a POST its body.
local threads = {}
local agents = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
  "Mozilla/5.0",
}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  asked, other, pause = 0, 0, tonumber(args[2])
  lines = {}
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
end

function delay()
  return pause
end

function request()
  asked = asked + 1
  local line = lines[asked] or "GET /b/over"
  local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
  local headers = {
    ["Host"] = "news.example.com", ["X-Forwarded-Proto"] = "https", ["User-Agent"] = agents[asked % #agents + 1],
  }
  if method == "POST" then headers["Content-Type"] = "application/x-www-form-urlencoded" end
  return wrk.format(method, path, headers, method == "POST" and body or nil)
end

function response(status)
  if status ~= 200 and status ~= 302 then other = other + 1 end
end

function done(summary, latency)
  local asked, other = 0, 0
  for _, thread in ipairs(threads) do
    asked = asked + thread:get("asked")
    other = other + thread:get("other")
  end
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    'RESULT {"asked": %d, "answered": %d, "seconds": %.3f, "other": %d, "unanswered": %d, "p50_ms": %.2f, "p99_ms": %.2f}\n',
    asked, summary.requests, summary.duration / 1e6, other, lost,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
