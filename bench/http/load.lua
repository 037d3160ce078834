-- wrk's side of the bench: calls from a file of requests, each answer checked.
--
-- Arguments: the file (requests apart by a zero byte, the conversation's number in place of ##########), the
-- first conversation's number, how many conversations take turns, how many calls each makes before new ones
-- come, what every answer has in it, and "unread" if answers aren't looked at.

local requests, first, side_by_side, calls, expected = {}, 0, 1, 1, ""
local threads = {}
sent, wrong = 0, 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for text in string.gmatch(file:read("*a"), "[^%z]+") do
    local head, tail = string.match(text, "^(.-)##########(.*)$")
    table.insert(requests, { head, tail })
  end
  file:close()
  first, side_by_side, calls, expected = tonumber(args[2]), tonumber(args[3]), tonumber(args[4]), args[5]
  if args[6] == "unread" then response = nil end
end

function request()
  local lap = math.floor(sent / side_by_side)
  local at = first + math.floor(lap / calls) * side_by_side + sent % side_by_side
  local one = requests[lap % #requests + 1]
  sent = sent + 1
  return one[1] .. string.format("%010d", at) .. one[2]
end

function response(status, headers, body)
  if status ~= 200 or not string.find(body, expected, 1, true)
    or string.find(body, '"isError":true', 1, true) then
    wrong = wrong + 1
    if wrong == 1 then io.stderr:write("wrong answer: ", status, " ", body, "\n") end
  end
end

function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  local failed = summary.errors
  io.write(string.format(
    '\nRESULT {"calls": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "wrong": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    bad, failed.connect + failed.read + failed.write + failed.timeout
  ))
end
