//! Torrents that libtorrent made (`tests/data/make.py`): read here, and made here again.

use std::path::{Path, PathBuf};

use model::{ByteCount, PieceIndex};
use sha1::{Digest, Sha1};
use swarmlab_metainfo::{Builder, Geometry, Metainfo, MetainfoError, RelativePath, piece_length_for};

#[test]
fn another_clients_torrents_have_the_hash_it_gives_them() {
    for line in table("torrents.txt") {
        let [name, hash, piece_length, pieces] = &line[..] else { panic!("{line:?}") };
        let bytes = torrent_file(name);
        if hash == "-" {
            assert_eq!(Metainfo::from_bytes(&bytes), Err(MetainfoError::V2Only));
            continue;
        }
        let torrent = Metainfo::from_bytes(&bytes).unwrap();
        assert_eq!(torrent.info.info_hash().to_string(), *hash, "{name}");
        assert_eq!(torrent.info.piece_length().to_string(), *piece_length, "{name}");
        assert_eq!(torrent.info.piece_count().to_string(), *pieces, "{name}");
        let again = Metainfo::from_bytes(&torrent.to_bytes()).unwrap();
        assert_eq!(again, torrent, "{name}");
        assert_eq!(
            torrent.magnet().to_string().parse::<swarmlab_metainfo::Magnet>().unwrap(),
            torrent.magnet(),
            "{name}"
        );
    }
}

#[test]
fn the_automatic_piece_length_is_libtorrents_at_every_edge() {
    let table = table("piece-lengths.txt");
    assert!(table.len() > 30);
    for line in table {
        let [total, length] = &line[..] else { panic!("{line:?}") };
        let total = ByteCount(total.parse().unwrap());
        assert_eq!(piece_length_for(total).to_string(), *length, "{} bytes", total.0);
    }
    assert_eq!(piece_length_for(ByteCount(0)), 16 << 10);
    assert_eq!(piece_length_for(ByteCount(u64::MAX)), 16 << 20);
}

#[test]
fn the_same_facts_give_the_same_file_as_libtorrent_to_the_byte() {
    let tiny = Builder::single_file("notes.txt", 5);
    assert_same("tiny", &tiny, &["notes.txt"]);

    let single = Builder {
        comment: Some("First swarm".into()),
        created_by: Some("libtorrent".into()),
        creation_date: Some(1_700_000_000),
        announce: vec![vec!["udp://10.0.0.1:6969".into()]],
        web_seeds: vec!["http://10.0.0.1/lecture.bin".into()],
        ..Builder::single_file("lecture.bin", 100_000)
    };
    assert_same("single", &single, &["lecture.bin"]);

    let folder = Builder {
        piece_length: 32_768,
        private: true,
        source: Some("LAB".into()),
        creation_date: Some(0),
        announce: vec![
            vec!["udp://10.0.0.1:6969".into(), "udp://10.0.0.2:6969".into()],
            vec![],
            vec!["http://[fd00::1]:80/announce".into()],
        ],
        web_seeds: vec!["http://10.0.0.1/".into(), "http://10.0.0.2/".into()],
        ..course()
    };
    let paths = folder.plan().unwrap().files().iter().map(|f| format!("course/{}", f.path)).collect::<Vec<_>>();
    assert_same("folder", &folder, &paths.iter().map(String::as_str).collect::<Vec<_>>());

    assert_same("automatic", &Builder::single_file("a.bin", 3 << 20), &["a.bin"]);
}

#[test]
fn a_hybrid_is_read_as_version_1_with_its_pads() {
    let torrent = Metainfo::from_bytes(&torrent_file("hybrid-folder")).unwrap();
    let files = torrent.info.files();
    assert!(!torrent.info.is_single_file());
    assert!(files.iter().any(|f| f.pad));
    for pair in files.windows(2) {
        assert_eq!(pair[1].offset, pair[0].offset + pair[0].length);
        assert!(!pair[0].pad || pair[1].offset.is_multiple_of(16_384), "a pad aligns what follows it");
    }
    let slices: Vec<_> = torrent.info.slices(PieceIndex(0), 0, 16_384).collect();
    assert!(files[slices[1].file].pad, "{slices:?}");

    let single = Metainfo::from_bytes(&torrent_file("hybrid-single")).unwrap();
    assert!(single.info.is_single_file());
    assert_eq!(single.info.total_length(), ByteCount(100_000));
}

#[test]
fn a_files_place_on_disk_is_below_the_download_folder() {
    let save = Path::new("downloads");
    let single = Metainfo::from_bytes(&torrent_file("single")).unwrap().info;
    assert_eq!(single.disk_path(save, 0), save.join("lecture.bin"));
    let folder = Metainfo::from_bytes(&torrent_file("folder")).unwrap().info;
    assert_eq!(folder.disk_path(save, 0), save.join("course").join("01 Intro").join("notes.txt"));
    assert!(folder.is_private());
    assert_eq!(folder.source(), Some("LAB"));
}

/// The folder of the golden torrents, in no order.
fn course() -> Builder {
    let files = [
        ("README", 5),
        ("02.md", 17),
        ("02/größe.bin", 70_001),
        ("02/empty", 0),
        ("01 Intro/slides.pdf", 40_000),
        ("01 Intro/notes.txt", 1_000),
    ];
    Builder::folder("course", files.map(|(path, n)| (path.parse::<RelativePath>().unwrap(), n)).to_vec())
}

fn assert_same(name: &str, builder: &Builder, paths: &[&str]) {
    let plan = builder.plan().unwrap();
    let contents: Vec<Vec<u8>> = plan.files().iter().zip(paths).map(|(f, path)| content(path, f.length)).collect();
    let torrent = builder.build(&hashes(&plan, &contents)).unwrap();
    let golden = torrent_file(name);
    assert_eq!(torrent.to_bytes().escape_ascii().to_string(), golden.escape_ascii().to_string(), "{name}");
    assert_eq!(Metainfo::from_bytes(&golden).unwrap(), torrent, "{name}");
}

/// Hashes piece by piece through the plan's slices, as whoever reads a disk does.
fn hashes(plan: &Geometry, contents: &[Vec<u8>]) -> Vec<[u8; 20]> {
    let hash = |piece: PieceIndex| {
        let mut sha1 = Sha1::new();
        for slice in plan.slices(piece, 0, plan.piece_size(piece)) {
            sha1.update(&contents[slice.file][slice.offset as usize..][..slice.length as usize]);
        }
        sha1.finalize().into()
    };
    (0..plan.piece_count()).map(|n| hash(PieceIndex(n))).collect()
}

/// The same pattern as in `make.py`.
fn content(path: &str, length: u64) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 257 + path.len() as u64) as u8).collect()
}

fn torrent_file(name: &str) -> Vec<u8> {
    std::fs::read(data().join(format!("{name}.torrent"))).unwrap()
}

fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(data().join(name)).unwrap();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}
