#!/usr/bin/env python3
"""Records the decoys: flows that are no BitTorrent, made on loopback by programs that people use.

    python3 record.py            writes tls.jsonl, http.jsonl, ssh.jsonl, git.jsonl, tunnel.jsonl, noise.jsonl here

Each flow passes through a relay that writes what it reads in the form of wire records (events::WireLine): the
first 2 KiB each way, times and sizes of up to 64 reads each way, `out` for what the dialling side sent.
Nothing leaves loopback. Another recording differs in its bytes, not in its shape.

Needs openssl, curl, git, ssh, dropbear, nc and shadowsocks-libev (Debian: openssl curl git openssh-client
dropbear-bin netcat-openbsd shadowsocks-libev).
"""

import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
BYTES_MAX = 2048
CHUNKS_MAX = 64


class Relay:
    """Listens, passes each connection on to `port`, and notes what it reads."""

    def __init__(self, port):
        self.upstream = port
        self.lines = []
        self.flows = []
        self.open = 0
        self.lock = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.upstream))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flow = {"began": time.monotonic(), "chunks": []}
            with self.lock:
                self.flows.append(flow)
                self.open += 2
            for source, sink, direction in ((client, server, "out"), (server, client, "in")):
                threading.Thread(target=self.pump, args=(flow, source, sink, direction), daemon=True).start()

    def pump(self, flow, source, sink, direction):
        at = count = 0
        try:
            while data := source.recv(65536):
                if count < CHUNKS_MAX:
                    chunk = {"t": round(time.monotonic() - flow["began"], 6), "dir": direction, "at": at, "len": len(data)}
                    if kept := data[: max(0, BYTES_MAX - at)]:
                        chunk["bytes"] = kept.hex()
                    with self.lock:
                        flow["chunks"].append(chunk)
                at += len(data)
                count += 1
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()  # one side was torn down: the other is to end too
        with self.lock:
            self.open -= 1
            self.lock.notify_all()

    def drained(self):
        """Waits until every flow has ended."""
        with self.lock:
            if not self.lock.wait_for(lambda: self.open == 0, timeout=30):
                raise SystemExit(f"a flow to port {self.upstream} never ended")

    def write(self, name):
        self.drained()
        with open(HERE / f"{name}.jsonl", "w") as file:
            for conn, flow in enumerate(self.flows, 1):
                for chunk in sorted(flow["chunks"], key=lambda chunk: chunk["t"]):
                    chunk = dict(chunk)
                    line = {"t": chunk.pop("t"), "conn": conn, "remote": "127.0.0.1:1", **chunk}
                    file.write(json.dumps(line, separators=(",", ":")) + "\n")
        print(f"{name}: {len(self.flows)} flows")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, port, **options):
    """Starts a server and waits until it listens."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **{**quiet, **options})
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            if server.poll() is not None:
                break
            time.sleep(0.05)  # between two looks, not in place of one
    raise SystemExit(f"{command[0]} does not listen at port {port}")


def run(*command, **options):
    result = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), capture_output=True, timeout=60, **options)
    if result.returncode:
        raise SystemExit(f"{command} failed: {result.stderr.decode(errors='replace')}")


def tls(folder):
    key, cert = folder / "key.pem", folder / "cert.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=decoy", "-keyout", str(key), "-out", str(cert))
    port = free_port()
    server = start(["openssl", "s_server", "-quiet", "-key", key, "-cert", cert, "-port", str(port), "-WWW"], port, cwd=folder)
    relay = Relay(port)
    url = f"https://127.0.0.1:{relay.port}"
    for version in ("--tls-max 1.2", "--tlsv1.3"):
        for file in ("small.txt", "large.bin"):
            run("curl", "-sk", *version.split(), f"{url}/{file}", "-o", os.devnull)
    for version in ("-tls1_2", "-tls1_3"):
        run("openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", version, "-ign_eof", "-quiet",
            stdin=open(folder / "request.txt", "rb"))
    relay.write("tls")
    server.terminate()


def http(folder):
    port = free_port()
    server = start(["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"], port, cwd=folder)
    relay = Relay(port)
    url = f"http://127.0.0.1:{relay.port}"
    for arguments in (["small.txt"], ["large.bin"], [""], ["nothing-here"], ["small.txt", "-I"], ["large.bin", "-r", "0-9999"]):
        run("curl", "-s", f"{url}/{arguments[0]}", *arguments[1:], "-o", os.devnull)
    run("curl", "-s", "-d", "a=b", f"{url}/", "-o", os.devnull)
    relay.write("http")
    return server, port


def ssh(folder):
    port = free_port()
    key, login = folder / "host.key", folder / "login"
    run("dropbearkey", "-t", "ecdsa", "-f", str(key))
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(login))
    server = start(["dropbear", "-F", "-E", "-r", key, "-p", f"127.0.0.1:{port}", "-P", folder / "pid"], port)
    relay = Relay(port)
    for cipher in ("aes128-ctr", "chacha20-poly1305@openssh.com", "aes256-ctr"):
        # It is not let in: a key that the server does not know. The exchange of keys and the refusal are recorded.
        subprocess.run(
            ["ssh", "-F", os.devnull, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={os.devnull}",
             "-c", cipher, "-i", login, "-p", str(relay.port), "nobody@127.0.0.1", "true"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    relay.write("ssh")
    server.terminate()


def git(folder):
    port = free_port()
    repository = folder / "repo"
    run("git", "init", "-q", str(repository))
    for number in range(3):
        (repository / f"{number}.txt").write_text(f"{number}\n" * 2000)
        run("git", "-C", str(repository), "add", ".")
        run("git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@a", "commit", "-qm", f"{number}")
    server = start(["git", "daemon", "--export-all", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"], port)
    relay = Relay(port)
    run("git", "ls-remote", f"git://127.0.0.1:{relay.port}/repo")
    run("git", "clone", "-q", f"git://127.0.0.1:{relay.port}/repo", str(folder / "clone"))
    relay.write("git")
    server.terminate()


def tunnel(folder, web):
    """Encrypted from the first byte too: Shadowsocks with an HTTP download inside."""
    ss = folder / "ss.json"
    for_one = dict(server="127.0.0.1", password=os.urandom(9).hex(), method="chacha20-ietf-poly1305", timeout=60)
    server_port, local_port = free_port(), free_port()
    ss.write_text(json.dumps({**for_one, "server_port": server_port}))
    server = start(["ss-server", "-c", ss], server_port)
    relay = Relay(server_port)
    local = folder / "local.json"
    local.write_text(json.dumps({**for_one, "server_port": relay.port, "local_address": "127.0.0.1", "local_port": local_port,
                                 "tunnel_address": f"127.0.0.1:{web}"}))
    client = start(["ss-tunnel", "-c", local, "-L", f"127.0.0.1:{web}"], local_port)
    for arguments in (["small.txt"], ["large.bin"], [""], ["nothing-here"], ["small.txt", "-I"], ["large.bin", "-r", "0-9999"]):
        run("curl", "-s", f"http://127.0.0.1:{local_port}/{arguments[0]}", *arguments[1:], "-o", os.devnull)
    client.terminate()
    relay.drained()
    answered = [flow for flow in relay.flows if any(chunk["dir"] == "in" for chunk in flow["chunks"])]
    relay.flows = answered  # without the look whether the tunnel listens
    relay.write("tunnel")
    server.terminate()


def noise(folder):
    """Random bytes through netcat: one way (an encrypted file sent), and both ways in answer to each other."""
    chance = random.Random(7)
    relays = []
    for size in (300, 5000, 120_000):
        port = free_port()
        payload = folder / f"{size}.noise"
        payload.write_bytes(os.urandom(size))
        sink = subprocess.Popen(["nc", "-l", "-N", "127.0.0.1", str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        relay = Relay(port)
        wait_listening(port)
        run("nc", "-N", "127.0.0.1", str(relay.port), stdin=open(payload, "rb"))
        sink.wait(timeout=30)
        relays.append(relay)
    echo = socket.create_server(("127.0.0.1", 0))
    relay = Relay(echo.getsockname()[1])
    for sizes in ((200, 300, 400), (150, 500, 90), (40, 40), (1500, 20), (600, 9000), (33, 70, 900)):
        client = socket.create_connection(("127.0.0.1", relay.port))
        server, _ = echo.accept()
        for turn, size in enumerate(sizes):
            speaker, listener = ((client, server), (server, client))[turn % 2]
            speaker.sendall(os.urandom(size + chance.randrange(10)))
            # The relay writes down what came in one go: the next turn waits for all of this one.
            listener.settimeout(5)
            got = 0
            while got < size:
                got += len(listener.recv(65536))
        client.close()
        server.close()
    for other in relays:
        other.drained()
        relay.flows.extend(other.flows)
    relay.write("noise")


def wait_listening(port):
    """Looks in the kernel's table: a connection would use up netcat's only one."""
    wanted = f":{port:04X} 00000000:0000 0A"
    for _ in range(200):
        if wanted in pathlib.Path("/proc/net/tcp").read_text():
            return
        time.sleep(0.05)
    raise SystemExit(f"nc does not listen at port {port}")


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "small.txt").write_text("A decoy.\n" * 20)
        (folder / "large.bin").write_bytes(os.urandom(300_000))
        (folder / "request.txt").write_text("GET /small.txt HTTP/1.0\r\n\r\n")
        tls(folder)
        server, web = http(folder)
        tunnel(folder, web)
        server.terminate()
        ssh(folder)
        git(folder)
        noise(folder)


if __name__ == "__main__":
    main()
