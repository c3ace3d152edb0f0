-- Checks the API keys of the data plane. Before this text stand `keys` (SHA-256 of a key in hex -> name), `servers`
-- (name -> " id id ", absent: all) and `preflight` (headers of an answer); see api-keys.ts.

local bit = require("bit")
local band, bnot, bxor, ror, rshift, tobit = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit

-- Longer texts are no keys: nobody makes a worker hash megabytes.
local max_length = 256

-- The first 32 bits of the fractional part (FIPS 180-4, 4.2.2 and 5.3.3 make all constants of such).
local function fraction(root)
  return tobit(math.floor(root % 1 * 4294967296))
end

local rounds, initial = {}, {}
do
  local candidate = 2
  while #rounds < 64 do
    local divisor = 2
    while candidate % divisor ~= 0 do
      divisor = divisor + 1
    end
    if divisor == candidate then
      rounds[#rounds + 1] = fraction(candidate ^ (1 / 3))
      if #initial < 8 then
        initial[#initial + 1] = fraction(math.sqrt(candidate))
      end
    end
    candidate = candidate + 1
  end
end

local function sha256(text)
  local padded = text .. "\128" .. string.rep("\0", (55 - #text) % 64)
    .. string.format("%s%c%c%c%c", "\0\0\0\0", 0, 0, rshift(#text * 8, 8), band(#text * 8, 255))
  local h1, h2, h3, h4, h5, h6, h7, h8 = unpack(initial)
  local w = {}
  for block = 1, #padded, 64 do
    for i = 1, 16 do
      local b1, b2, b3, b4 = string.byte(padded, block + 4 * i - 4, block + 4 * i - 1)
      w[i] = tobit(((b1 * 256 + b2) * 256 + b3) * 256 + b4)
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
      local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
      w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, h = h1, h2, h3, h4, h5, h6, h7, h8
    for i = 1, 64 do
      local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      local t1 = h + s1 + bxor(band(e, f), band(bnot(e), g)) + rounds[i] + w[i]
      local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
      local t2 = s0 + bxor(band(a, b), band(a, c), band(b, c))
      h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
    end
    h1, h2, h3, h4 = tobit(h1 + a), tobit(h2 + b), tobit(h3 + c), tobit(h4 + d)
    h5, h6, h7, h8 = tobit(h5 + e), tobit(h6 + f), tobit(h7 + g), tobit(h8 + h)
  end
  local hex = ""
  for _, word in ipairs({ h1, h2, h3, h4, h5, h6, h7, h8 }) do
    hex = hex .. bit.tohex(word)
  end
  return hex
end

-- Keys that were right once: no larger than `keys`, and gone with this worker's script when the keys change.
local known = {}

local function name_of(key)
  local name = known[key]
  if name == nil and #key <= max_length then
    name = keys[sha256(key)]
    if name ~= nil then
      known[key] = name
    end
  end
  return name
end

-- Keys stand in Authorization twice, behind a tab or without their scheme too. What does not look like one of ours is
-- looked up, never hashed: it is a token of the upstream's.
local function holds_key(authorization)
  for word in string.gmatch(authorization, "[^%s,]+") do
    if known[word] or (string.sub(word, 1, 6) == "mcpgw_" and name_of(word)) then
      return true
    end
  end
  return false
end

local function refuse(handle, status, outcome)
  handle:streamInfo():dynamicMetadata():set("mcp_gateway.api_key", "outcome", outcome)
  handle:respond({ [":status"] = status }, "")
end

-- Preflights carry no key. They are answered here, as the cors filter would, for servers that do not exist too: who
-- has no key must not learn which do.
local function answer_preflight(handle, headers)
  local origin = headers:get("origin")
  if not origin or headers:get(":method") ~= "OPTIONS" or not headers:get("access-control-request-method") then
    return false
  end
  local answer = { [":status"] = "200", ["access-control-allow-origin"] = origin }
  for name, value in pairs(preflight) do
    answer[name] = value
  end
  handle:respond(answer, "")
  return true
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local authorization = headers:get("authorization")
  local token = authorization and string.match(authorization, "^[Bb][Ee][Aa][Rr][Ee][Rr] +([^ ]+) *$")
  local key = headers:get("x-api-key") or token
  local name = key and name_of(key)
  if not name then
    if not answer_preflight(handle, headers) then
      refuse(handle, "401", "unauthorized")
    end
    return
  end
  headers:remove("x-api-key")
  -- Some clients send their key in both.
  if authorization and holds_key(authorization) then
    headers:remove("authorization")
  end
  handle:streamInfo():dynamicMetadata():set("mcp_gateway.api_key", "name", name)
  local allowed = servers[name]
  if allowed then
    -- The scope that the request will be routed by: see `pathHeader` in names.ts.
    local server = string.match(headers:get("x-mcp-gateway-path") or "", "^/([^/]+)")
    if not server or not string.find(allowed, " " .. server .. " ", 1, true) then
      refuse(handle, "403", "denied")
    end
  end
end
