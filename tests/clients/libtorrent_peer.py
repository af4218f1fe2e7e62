"""Seeds or fetches torrents with libtorrent until it is killed.

Usage: libtorrent_peer.py IP:PORT DIR SETTINGS TORRENT|MAGNET...

SETTINGS is a JSON object of session settings, by libtorrent's names. Peers come from the
torrents' trackers alone.
"""

import json
import sys
import time

import libtorrent as lt


def main(listen, folder, settings, *torrents):
    session = lt.session({
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.rsplit(":", 1)[0],
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        # It tries a peer again after that many seconds for each failure so far; by default 60.
        "min_reconnect_time": 1,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification
        | lt.alert.category_t.error_notification
        | lt.alert.category_t.peer_notification
        | lt.alert.category_t.tracker_notification,
        **json.loads(settings),
    })
    handles = [add(session, torrent, folder) for torrent in torrents]
    last = None
    while True:
        session.wait_for_alert(500)
        for alert in session.pop_alerts():
            print(alert, flush=True)
        states = [handle.status() for handle in handles]
        now = [(str(state.state), state.num_pieces, state.num_peers) for state in states]
        if now != last:
            print(now, flush=True)
            last = now
        time.sleep(0.05)


def add(session, torrent, folder):
    if torrent.startswith("magnet:"):
        params = lt.parse_magnet_uri(torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent)
    params.save_path = folder
    # All at once: no queue in which one waits for another.
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return session.add_torrent(params)


if __name__ == "__main__":
    main(*sys.argv[1:])
