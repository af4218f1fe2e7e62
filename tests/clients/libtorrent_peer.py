"""Seeds or fetches one torrent with libtorrent until it is killed.

Usage: libtorrent_peer.py TORRENT|MAGNET DIR IP:PORT

Peers come from the torrent's trackers alone. Encryption is left as libtorrent has it by
default: it may offer it and does without where the other side can't.
"""

import sys
import time

import libtorrent as lt


def main(torrent, folder, listen):
    session = lt.session({
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.rsplit(":", 1)[0],
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification
        | lt.alert.category_t.error_notification
        | lt.alert.category_t.peer_notification
        | lt.alert.category_t.tracker_notification,
    })
    if torrent.startswith("magnet:"):
        params = lt.parse_magnet_uri(torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent)
    params.save_path = folder
    handle = session.add_torrent(params)
    last = None
    while True:
        session.wait_for_alert(500)
        for alert in session.pop_alerts():
            print(alert, flush=True)
        status = handle.status()
        now = (str(status.state), status.num_pieces, status.num_peers)
        if now != last:
            print(*now, flush=True)
            last = now
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
