-- wrk's script. Arguments after "--": the request's body up to its tag's number, the rest of it, the first number,
-- and the length of a right answer (0: not judged). Every request has a number of its own.
local before, after, number, expected
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  before, after, number, expected = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  wrk.method = 'POST'
  wrk.headers['Content-Type'] = 'application/json'
  wrong_answers = 0
end

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, before .. string.format('%012d', number) .. after)
end

function response(status, headers, body)
  if status ~= 200 or (expected > 0 and #body ~= expected) then
    wrong_answers = wrong_answers + 1
  end
end

function done(summary, latency, requests)
  local wrong = 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get('wrong_answers')
  end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "micros": %d, "p50": %d, "p99": %d, "wrong": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
