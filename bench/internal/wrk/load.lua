-- What wrk sends. Its arguments: how many requests at once, the content of a POST,
-- and how many milliseconds a connection pauses before each request, on average. It
-- is made once: wrk asks wrk.format for it when init is done, and no Lua runs while
-- it measures, but for the pauses.
function init(args)
	local depth, content, pause = tonumber(args[1]) or 0, args[2] or "", tonumber(args[3]) or 0
	if content ~= "" then
		wrk.method = "POST"
		wrk.body = content
	end
	if depth > 1 then
		local one, all = wrk.format(), {}
		for i = 1, depth do all[i] = one end
		local batch = table.concat(all)
		wrk.format = function() return batch end
	end
	if pause > 0 then
		function delay() return math.random(0, 2 * pause) end
	end
end

-- wrk adds times to those that it has seen: for each that is more than twice as
-- long as a request takes on average (interval), those of the requests that
-- could have been sent meanwhile, an interval shorter each. Where requests are
-- pipelined it takes that average for one request, and the times are those of
-- whole batches: then most times are of its making, and some percentiles come
-- out as 0. What is longer by an interval was added here as often as it is
-- there, so it takes one subtraction to have what was seen.
--
-- wrk lets a script see its times one by one, each by a walk over all of them.
-- LuaJIT can read them where they are: stats in wrk's stats.h. That it is what we
-- take it for, the sum shows.
local function seen(latency, interval)
	local ffi = require("ffi")
	ffi.cdef("typedef struct { uint64_t count, limit, min, max, data[1]; } times;")
	local times = ffi.cast("times **", latency)[0]
	local most, sum = tonumber(times.max), 0
	assert(times.min <= times.max and times.max < times.limit)
	for i = 0, most do sum = sum + tonumber(times.data[i]) end
	assert(sum == tonumber(times.count))
	local counts, total = {}, 0
	for i = 0, most do
		local n = tonumber(times.data[i])
		if i > interval and i + interval <= most then
			n = n - tonumber(times.data[i + interval])
		end
		if i < tonumber(times.min) then n = 0 end
		counts[i], total = n, total + n
	end
	return counts, most, total
end

-- The last line of the report: the percentiles 50, 99 and 99.9, and of how many
-- times they are. What init was given is not seen here.
function done(summary, latency, requests)
	local each = math.floor(summary.requests / tonumber(os.getenv("CONNECTIONS")))
	local interval = each > 0 and math.max(1, math.floor(summary.duration / each)) or summary.duration
	local counts, most, total = seen(latency, interval)
	io.write("percentiles")
	for _, p in ipairs({0.5, 0.99, 0.999}) do
		local sum, at = 0, -1
		while at < most and (at < 0 or sum < p * total) do
			at = at + 1
			sum = sum + counts[at]
		end
		io.write(string.format(" %dus", at))
	end
	io.write(string.format(" of %d\n", total))
end
