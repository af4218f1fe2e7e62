"""Makes the .torrent files and tables in this folder with libtorrent's Python module
(Debian: python3-libtorrent, version 2.0). They are checked in; run this only to add more.
The tests build the same torrents and compare bytes."""

import hashlib
import pathlib

import libtorrent as lt

HERE = pathlib.Path(__file__).parent


def content(path, length):
    """Bytes that the tests can make again: a pattern that differs from path to path."""
    salt = len(path.encode())
    return bytes((i * 31 + i // 257 + salt) & 0xFF for i in range(length))


def make(name, files, flags, piece=0, trackers=(), seeds=(), private=False, comment="", creator="", date=None, source=None):
    storage = lt.file_storage()
    for path, length in files:
        storage.add_file(path, length)
    torrent = lt.create_torrent(storage, piece, flags)
    for url, tier in trackers:
        torrent.add_tracker(url, tier)
    for url in seeds:
        torrent.add_url_seed(url)
    torrent.set_priv(private)
    if comment:
        torrent.set_comment(comment)
    if creator:
        torrent.set_creator(creator)
    by_path = {path: content(path, length) for path, length in files}
    laid_out = torrent.files()
    whole = b"".join(
        by_path.get(laid_out.file_path(i), bytes(laid_out.file_size(i))) for i in range(laid_out.num_files())
    )
    size = torrent.piece_length()
    if flags != lt.create_torrent.v2_only:
        for i in range(torrent.num_pieces()):
            torrent.set_hash(i, hashlib.sha1(whole[i * size : (i + 1) * size]).digest())
    if flags == lt.create_torrent.v1_only:
        entry = torrent.generate()
    else:
        # The SHA-256 trees of version 2 need real files.
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            for path, data in by_path.items():
                target = pathlib.Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            lt.set_piece_hashes(torrent, folder)
            entry = torrent.generate()
    if source is not None:
        entry[b"info"][b"source"] = source.encode()
    entry.pop(b"creation date", None)
    if date is not None:
        entry[b"creation date"] = date
    data = lt.bencode(entry)
    (HERE / f"{name}.torrent").write_bytes(data)
    hashes = lt.torrent_info(lt.bdecode(data)).info_hashes()
    v1 = str(hashes.v1) if hashes.has_v1() else "-"
    print(f"{name} {v1} {size} {torrent.num_pieces()}")
    return f"{name} {v1} {size} {torrent.num_pieces()}\n"


V1, V2, HYBRID = lt.create_torrent.v1_only, lt.create_torrent.v2_only, 0
FOLDER = [
    ("course/01 Intro/notes.txt", 1000),
    ("course/01 Intro/slides.pdf", 40000),
    ("course/02/empty", 0),
    ("course/02/größe.bin", 70001),
    ("course/02.md", 17),
    ("course/README", 5),
]

table = [
    make("tiny", [("notes.txt", 5)], V1),
    make(
        "single", [("lecture.bin", 100000)], V1, comment="First swarm", creator="libtorrent", date=1700000000,
        trackers=[("udp://10.0.0.1:6969", 0)], seeds=["http://10.0.0.1/lecture.bin"],
    ),
    make(
        "folder", FOLDER, V1, piece=32768, private=True, source="LAB", date=0,
        trackers=[("udp://10.0.0.1:6969", 0), ("udp://10.0.0.2:6969", 0), ("http://[fd00::1]:80/announce", 1)],
        seeds=["http://10.0.0.1/", "http://10.0.0.2/"],
    ),
    make("automatic", [("a.bin", 3 << 20)], V1),
    make("hybrid-folder", FOLDER, HYBRID, piece=16384),
    make("hybrid-single", [("lecture.bin", 100000)], HYBRID),
    make("v2-folder", FOLDER, V2),
]
(HERE / "torrents.txt").write_text("".join(table))

edges = [1, 16384, 2684355, 10737418, 42949673, 171798692, 687194767, 2748779069, 10995116278, 43980465111]
edges += [175921860444, 703687441777]
sizes = sorted({max(1, edge + step) for edge in edges for step in (-1, 0, 1)} | {3 << 20, 1 << 30, 10**13})
lines = []
for size in sizes:
    storage = lt.file_storage()
    storage.add_file("a", size)
    lines.append(f"{size} {lt.create_torrent(storage, 0, V1).piece_length()}\n")
(HERE / "piece-lengths.txt").write_text("".join(lines))
