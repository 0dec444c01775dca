-- wrk's part of relay_load.py: notifications that are all different, and a record of those that were accepted.
-- Each thread has one connection, so that an answer belongs to the thread's last question.
-- Arguments: a file with one path a line, and where the accepted ids go (a number is added to the name).

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

function init(args)
   paths = {}
   for path in io.lines(args[1]) do paths[#paths + 1] = path end
   accepted = io.open(args[2] .. number, "w")
   accepted:setvbuf("line")
   asked = 0
   headers = {["Content-Type"] = "application/json", ["User-Agent"] = "MercadoPago Feed v2.0 merchant_order"}
end

function request()
   asked = asked + 1
   id = string.format("%d%08d", 10 + number, asked)
   local body = '{"resource":"https://api.mercadolibre.com/merchant_orders/' .. id .. '","topic":"merchant_order"}'
   return wrk.format("POST", paths[(number * 31 + asked) % #paths + 1], headers, body)
end

function response(status)
   if status == 200 or status == 201 then accepted:write(id, "\n") end
end

function done(summary, latency)
   io.write(string.format("RESULT %d %d %d\n", summary.duration, latency:percentile(50), latency:percentile(99)))
end
