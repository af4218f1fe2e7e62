"""libtorrent under the same control lines as our peer, for `cargo xtask bench peer`.

Reads {"do":"join",...} and {"do":"add-peer",...} on standard input, prints {"ev":...} lines. Default
settings, except that nothing may leave the machine, and that all is RC4 or all plaintext.
"""
import json
import sys
import threading
import time

import libtorrent as lt

address = sys.argv[1]
encryption = sys.argv[2]
session = lt.session({
    "listen_interfaces": address + ":0",
    "outgoing_interfaces": address,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    # Policy 0 is forced, 2 disabled; level 2 is RC4, 1 plaintext.
    "in_enc_policy": 0 if encryption == "rc4" else 2,
    "out_enc_policy": 0 if encryption == "rc4" else 2,
    "allowed_enc_level": 2 if encryption == "rc4" else 1,
    "prefer_rc4": encryption == "rc4",
    "alert_mask": lt.alert.category_t.all_categories & 0,
})
handle = None


def say(kind, **fields):
    print(json.dumps({"t": 0.0, "peer": "libtorrent", "ev": kind, **fields}), flush=True)


def watch():
    checked = complete = False
    while True:
        status = handle.status()
        checking = status.state in (lt.torrent_status.checking_files, lt.torrent_status.checking_resume_data)
        if not checked and not checking:
            checked = True
            say("checked", have=status.num_pieces)
        if checked and not complete and status.is_seeding:
            complete = True
            say("complete")
        time.sleep(0.01)


while session.listen_port() == 0:
    time.sleep(0.01)
say("started", listen="%s:%d" % (address, session.listen_port()))
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "join":
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(command["torrent"])
        params.save_path = command["dir"]
        params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
        handle = session.add_torrent(params)
        threading.Thread(target=watch, daemon=True).start()
    elif command["do"] == "add-peer":
        host, port = command["addr"].rsplit(":", 1)
        handle.connect_peer((host, int(port)))
