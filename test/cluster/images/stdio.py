"""A stdio MCP server of both eras on nothing but Python, for images that hold no Node.

Tools: whoami (pod and pid), echo, slow (ms), add_note and notes (of this process), env (all variables), maps (the
libraries that this process has loaded), say (a line on stderr), stray (starts a process that leaves the group),
processes (all that can be seen, with their state), kill_bridge (its parent, by SIGKILL), die.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

MODERN = "2026-07-28"
TOOLS = ["whoami", "echo", "slow", "add_note", "notes", "env", "maps", "say", "stray", "processes", "kill_bridge", "die"]
ABOUT = {"capabilities": {"tools": {}}, "serverInfo": {"name": "python-fixture", "version": "1.0.0"}}
notes = []
lock = threading.Lock()


def send(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def say(text):
    print(text, file=sys.stderr, flush=True)


def libraries():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sorted({line.split()[-1] for line in maps if ".so" in line})


def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as command, open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                found.append({"pid": int(pid), "command": command.read().replace("\0", " "), "state": stat.read().rpartition(")")[2].split()[0]})
        except OSError:
            continue
    return found


def run(name, given):
    if name == "whoami":
        return json.dumps({"pod": os.environ.get("HOSTNAME", ""), "pid": os.getpid()})
    if name == "echo":
        return given.get("text", "")
    if name == "slow":
        time.sleep(given.get("ms", 100) / 1000)
        return "done"
    if name == "add_note":
        notes.append(given.get("text", ""))
        return str(len(notes))
    if name == "notes":
        return "\n".join(notes)
    if name == "env":
        return json.dumps(dict(os.environ))
    if name == "maps":
        return json.dumps(libraries())
    if name == "say":
        say(given.get("text", ""))
        return "said"
    if name == "stray":
        sleeper = [sys.executable, "-c", "import time; time.sleep(3600)"]
        return str(subprocess.Popen(sleeper, start_new_session=True, stdin=subprocess.DEVNULL).pid)
    if name == "processes":
        return json.dumps(processes())
    if name == "kill_bridge":
        os.kill(os.getppid(), signal.SIGKILL)
    if name == "die":
        say("told to die")
        os._exit(7)
    return None


def answer(message):
    method, params = message.get("method"), message.get("params") or {}
    version = (params.get("_meta") or {}).get("io.modelcontextprotocol/protocolVersion")
    result = None
    if method == "server/discover":
        result = {"supportedVersions": [MODERN], **ABOUT}
    elif method == "initialize":
        result = {"protocolVersion": params.get("protocolVersion"), **ABOUT}
    elif method == "ping":
        result = {}
    elif method == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS], "ttlMs": 0, "cacheScope": "private"}
    elif method == "tools/call":
        text = run(params.get("name"), params.get("arguments") or {})
        if text is not None:
            result = {"content": [{"type": "text", "text": text}]}
    if result is None:
        send({"id": message["id"], "error": {"code": -32601, "message": f"Unknown: {method}"}})
    elif version == MODERN:
        send({"id": message["id"], "result": {**result, "resultType": "complete"}})
    else:
        send({"id": message["id"], "result": result})


say("python server started")
for line in sys.stdin:
    received = json.loads(line)
    if "id" in received and "method" in received:
        threading.Thread(target=answer, args=(received,), daemon=True).start()
