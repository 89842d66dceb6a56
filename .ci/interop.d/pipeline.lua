-- For wrk, with one connection a thread: 16 requests in one write, and their
-- answers in that order, each an exact echo up to its fields in base64.
local depth, text, want = 16, {}, {}
answers, wrong, first = 0, 0, ""

for i = 0, depth - 1 do
   local content = string.rep("x", i)
   local length = #content > 0 and "Content-Length: " .. #content .. "\r\n" or ""
   local method = #content > 0 and "POST" or "GET"
   text[#text + 1] = method .. " /" .. i .. " HTTP/1.1\r\nHost: moor\r\n" .. length .. "\r\n" .. content
   local fields = '["Host","moor"]' .. (#content > 0 and ',["Content-Length","' .. #content .. '"]' or "")
   want[i] = '{"method":"' .. method .. '","target":"/' .. i .. '","version":"HTTP/1.1","headers":[' .. fields ..
      '],"trailers":[],"content":"' .. content .. '","target_b64":'
end
text = table.concat(text)

local threads = {}

function setup(thread) table.insert(threads, thread) end

function request() return text end

function response(status, headers, body)
   local w = want[answers % depth]
   if status ~= 200 or body:sub(1, #w) ~= w then
      wrong = wrong + 1
      if first == "" then first = status .. " " .. body .. "\nwant " .. w end
   end
   answers = answers + 1
end

function done(summary)
   local e = summary.errors
   local errors = e.connect + e.read + e.write + e.status + e.timeout
   local seen = 0
   for _, thread in ipairs(threads) do
      seen = seen + thread:get("answers")
      errors = errors + thread:get("wrong")
      if thread:get("first") ~= "" then print("wrong: " .. thread:get("first")) end
   end
   if errors > 0 or seen ~= summary.requests or seen < depth then
      print(seen .. " answers seen, " .. summary.requests .. " counted, " .. errors .. " errors")
      os.exit(1)
   end
   print("ok: " .. depth .. " pipelined")
end
