-- HTTP+SSE of 2024-11-05 behind a path prefix and with replicas; runs in Envoy, on the scopes of such servers only.
-- https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
--
-- The stream's first event, `endpoint`, says where the client's messages go. Its address is rewritten so that it lies
-- below the server's id, and gets one more query parameter, which names the replica that holds the stream. Requests
-- with that parameter go to that replica; the upstream sees them without it.

local parameter = "mcp-gateway-replica"
-- In the parameter: the server named an address that is not its own. No replica's address looks like that.
local foreign = "foreign"
-- Set by the route to the address of the upstream, removed here.
local replica_header = "x-mcp-gateway-replica"
local space = "mcp-gateway.sse"
-- Bytes within which the event must come; then the stream is left alone.
local look_ahead = 16384

local function to_token(address)
  return (address:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function from_token(token)
  if #token % 2 == 1 or #token > 128 or token:find("[^0-9a-f]") then return "" end
  return (token:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- The path without our parameter, byte for byte as before it was added, and the parameter's values.
local function take_parameter(path)
  local mark = path:find("?", 1, true)
  local kept, values = {}, {}
  for piece in ((mark and path:sub(mark + 1) or "") .. "&"):gmatch("([^&]*)&") do
    local value = piece:match("^" .. parameter:gsub("%-", "%%-") .. "=(.*)$")
    table.insert(value and values or kept, value or piece)
  end
  if #values == 0 then return path, values end
  return path:sub(1, mark - 1) .. (#kept > 0 and "?" .. table.concat(kept, "&") or ""), values
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, values = take_parameter(headers:get(":path"))
  local metadata = handle:streamInfo():dynamicMetadata()
  if #values > 0 then
    if values[1] == foreign then handle:respond({ [":status"] = "502" }, "") end
    -- The address is only looked up among the hosts of the cluster: what is no replica of this server is not found.
    if #values > 1 or not pcall(handle.setUpstreamOverrideHost, handle, from_token(values[1]), true) then
      handle:respond({ [":status"] = "404" }, "")
    end
    metadata:set(space, "pinned", true)
    headers:replace(":path", path)
  end
  if headers:get(":method") == "GET" then
    metadata:set(space, "path", path)
    metadata:set(space, "authority", headers:get(":authority") or "")
    -- An encoded stream cannot be read here.
    headers:remove("accept-encoding")
  end
end

-- https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4, with the encoded dots that URL parsers take for dots.
local function without_dots(path)
  local segments, last = {}, nil
  for segment in path:gmatch("/([^/]*)") do
    last = segment:lower():gsub("%%2e", ".")
    if last == ".." then
      table.remove(segments)
    elseif last ~= "." then
      table.insert(segments, segment)
    end
  end
  if last == "." or last == ".." then table.insert(segments, "") end
  return "/" .. table.concat(segments, "/")
end

local function without_default_port(scheme, host)
  return (host:lower():gsub(scheme == "https" and ":443$" or ":80$", ""))
end

-- Whether an address names this server: by the Host that the request carried, or as the registry has it.
local function is_own(server, authority, scheme, host)
  if scheme ~= "http" and scheme ~= "https" then return false end
  local wanted = without_default_port(scheme, host)
  if wanted == without_default_port(scheme, authority) then return true end
  if scheme ~= server:get("scheme") then return false end
  for _, own in ipairs(server:get("hosts")) do
    if wanted == own:lower() then return true end
  end
  return false
end

-- Path and query on the upstream of what the event says; nil if it is not the server's own or no plain URL.
-- https://www.rfc-editor.org/rfc/rfc3986#section-5.2.2
local function resolve(server, stream, authority, reference)
  -- URL parsers drop or reinterpret these, each in its own way.
  if reference:find("[%c%s\\]") then return nil end
  local scheme, rest = reference:match("^(%a[%w+.-]*):(.*)$")
  rest = rest or reference
  local host, below = rest:match("^//([^/?]*)(.*)$")
  if scheme or host then
    if not host or not is_own(server, authority, (scheme or server:get("scheme")):lower(), host) then return nil end
    rest = below:sub(1, 1) == "/" and below or "/" .. below
  elseif rest == "" or rest:sub(1, 1) == "?" then
    rest = stream .. rest
  elseif rest:sub(1, 1) ~= "/" then
    rest = stream:match("^.*/") .. rest
  end
  local path, query = rest:match("^([^?]*)(.*)$")
  return without_dots(path) .. query
end

-- The stream's path on the upstream; the routes of `scope.ts` do the same to the request.
local function upstream_path(server, path)
  local rest = path:match("^[^?]*"):sub(#server:get("id") + 2)
  return (rest == "" or rest == "/") and server:get("path") or rest
end

local function new_address(server, seen, replica, data)
  local reference, fragment = data:match("^ *([^#]*)(.*)$")
  local found = resolve(server, upstream_path(server, seen.path), seen.authority, reference)
  local base = "/" .. server:get("id")
  if not found then return base .. "/?" .. parameter .. "=" .. foreign end
  local mark = found:find("?", 1, true) and "&" or "?"
  local pin = server:get("pin") and mark .. parameter .. "=" .. to_token(replica) or ""
  return base .. found .. pin .. fragment
end

-- Looks through the complete lines of `text` for the event. Returns what may go on to the client, what must wait for
-- more, and whether the event was there; `address` makes its new data of the old.
-- https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
local function scan(text, address)
  local free = text:sub(1, 3) == "\239\187\191" and 4 or 1
  local at, lines, event, data = free, {}, nil, {}
  while true do
    local stop = text:find("[\r\n]", at)
    if not stop then return text:sub(1, free - 1), text:sub(free), false end
    local after = text:find("^\r\n", stop) and stop + 2 or stop + 1
    local line, ending = text:sub(at, stop - 1), text:sub(stop, after - 1)
    if line == "" then
      if event == "endpoint" and #data > 0 then
        local instead = "data: " .. address(table.concat(data, "\n"))
        local block = {}
        for n, one in ipairs(lines) do
          block[n] = not one.data and one.text or one.data == 1 and instead .. one.ending or ""
        end
        return text:sub(1, free - 1) .. table.concat(block) .. text:sub(at), "", true
      end
      free, lines, event, data = after, {}, nil, {}
    elseif line:sub(1, 1) == ":" and #lines == 0 then
      free = after
    else
      local field, value = line:match("^([^:]*):? ?(.*)$")
      if field == "event" then event = value end
      if field == "data" then table.insert(data, value) end
      table.insert(lines, { text = line .. ending, ending = ending, data = field == "data" and #data or nil })
    end
    at = after
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local replica = headers:get(replica_header)
  headers:remove(replica_header)
  local seen = handle:streamInfo():dynamicMetadata():get(space)
  local stream = (headers:get("content-type") or ""):lower():find("^text/event%-stream")
  if not (seen and seen.path and replica and stream) then return end
  if (headers:get("content-encoding") or "identity"):lower() ~= "identity" then return end
  headers:remove("content-length")
  -- What Envoy hands out is valid until the next chunk only, so the context is fetched where it is used.
  local address = function(data) return new_address(handle:filterContext(), seen, replica, data) end
  local held, left = "", look_ahead
  for chunk in handle:bodyChunks() do
    local bytes = chunk:getBytes(0, chunk:length())
    local out, rest, found = scan(held .. bytes, address)
    left = left - #bytes
    if not found and left <= 0 then
      out, rest, found = out .. rest, "", true
    end
    if out ~= bytes then chunk:setBytes(out) end
    if found then return end
    held = rest
  end
end
