//! Files that other programs write: odd, but honest. They are read, and keep their hash.

use bytes::Bytes;
use model::InfoHash;
use sha1::{Digest, Sha1};
use swarmlab_metainfo::{Info, Metainfo};

use crate::bencode::{Dict, file, folder, list, number, single, text, texts, torrent};

fn read(dict: &Dict) -> Metainfo {
    let bytes = dict.bytes();
    Metainfo::from_bytes(&bytes).unwrap_or_else(|e| panic!("{}: {e}", bytes.escape_ascii()))
}

#[test]
fn unknown_and_unsorted_keys_keep_the_hash() {
    let info = Dict::default()
        .with("x_cross_seed", text("abc"))
        .with("pieces", text([7; 40]))
        .with("zz", list([number(-5), Dict::default().with("deep", texts(&["er"])).bytes()]))
        .with("piece length", number(16_384))
        .with("name", text("a.bin"))
        .with("length", number(20_000));
    let torrent = read(&torrent(&info));
    assert_eq!(&torrent.info.raw()[..], info.bytes());
    assert_eq!(torrent.info.info_hash(), InfoHash(Sha1::digest(info.bytes()).into()));
    let written = Metainfo::from_bytes(&torrent.to_bytes()).unwrap();
    assert_eq!(written.info.raw(), torrent.info.raw());
    assert_eq!(Info::from_bytes(Bytes::from(info.bytes())), Ok(torrent.info), "from peers, by BEP 9");
}

#[test]
fn the_announce_list_wins_over_announce() {
    let base = torrent(&single());
    assert_eq!(read(&base).announce, [["udp://10.0.0.1:6969"]]);
    let tiers = list([texts(&["udp://a:1", " udp://b:1 "]), texts(&[]), texts(&["", "udp://c:1"])]);
    let both = read(&base.clone().with("announce-list", tiers));
    assert_eq!(both.announce, [vec!["udp://a:1", "udp://b:1"], vec!["udp://c:1"]]);
    let flat = read(&base.clone().with("announce-list", texts(&["udp://a:1", "udp://b:1"])));
    assert_eq!(flat.announce, [["udp://a:1"], ["udp://b:1"]]);
    let empty = read(&base.clone().with("announce-list", list([texts(&[""])])));
    assert_eq!(empty.announce, [["udp://10.0.0.1:6969"]]);
    assert!(read(&base.with("announce", text(""))).announce.is_empty());
}

#[test]
fn endless_tracker_lists_are_read_up_to_the_bound() {
    let urls: Vec<String> = (0..3_000).map(|i| format!("udp://t{i}:1")).collect();
    let tiers = list(urls.chunks(7).map(|tier| list(tier.iter().map(text))));
    let many = read(&torrent(&single()).with("announce-list", tiers));
    let kept: Vec<&String> = many.announce.iter().flatten().collect();
    assert_eq!(kept.len(), swarmlab_metainfo::TRACKERS_MAX);
    assert_eq!(kept[999], "udp://t999:1");
}

#[test]
fn web_seeds_come_as_one_or_as_a_list() {
    let base = torrent(&single());
    assert_eq!(read(&base.clone().with("url-list", text("http://a/"))).web_seeds, ["http://a/"]);
    assert_eq!(read(&base.clone().with("url-list", texts(&["http://a/", "", "http://b/"]))).web_seeds.len(), 2);
    assert!(read(&base.with("url-list", text(""))).web_seeds.is_empty());
}

#[test]
fn notes_in_old_encodings_are_still_readable() {
    let base = torrent(&single()).with("comment", text(b"caf\xe9")).with("creation date", number(-1));
    assert_eq!(read(&base).comment.as_deref(), Some("caf\u{fffd}"));
    assert_eq!(read(&base).creation_date, Some(-1));
    assert_eq!(read(&base.with("comment.utf-8", text("café"))).comment.as_deref(), Some("café"));
}

#[test]
fn names_prefer_utf8_and_never_collide_silently() {
    let utf8 = single().with("name", text(b"gr\xfc\xdfe")).with("name.utf-8", text("grüße"));
    assert_eq!(read(&torrent(&utf8)).info.name(), "grüße");
    let broken = single().with("name", text(b"gr\xfc\xdfe")).with("name.utf-8", text(b"gr\xfc\xdfe"));
    assert_eq!(read(&torrent(&broken)).info.name(), "gr%FC%DFe");

    let entry = |raw: &[u8]| Dict::default().with("length", number(5)).with("path", list([text(raw)]));
    let named = entry(b"b\xe9").with("path.utf-8", texts(&["bé"]));
    let files = list([entry(b"a\xe9").bytes(), entry(b"a\xe8").bytes(), named.bytes()]);
    let info = read(&torrent(&folder(&[]).with("files", files))).info;
    let paths: Vec<_> = info.files().iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["a%E9", "a%E8", "bé"]);
}

#[test]
fn pads_may_share_a_name_or_have_none() {
    let pad = file(6, &[".pad", "6"]).with("attr", text("p")).bytes();
    let nameless = Dict::default().with("attr", text("p")).with("length", number(6)).bytes();
    let program = file(10, &["run"]).with("attr", text("xh")).bytes();
    let files = list([pad.clone(), program, pad, nameless]);
    let info = read(&torrent(&folder(&[]).with("files", files))).info;
    let pads: Vec<_> = info.files().iter().map(|f| (f.pad, f.executable, f.path.as_str())).collect();
    assert_eq!(pads, [(true, false, ".pad/6"), (false, true, "run"), (true, false, ".pad/6"), (true, false, ".pad/6")]);
}

#[test]
fn links_are_left_out_of_the_files() {
    let link = Dict::default()
        .with("attr", text("l"))
        .with("path", texts(&["shortcut"]))
        .with("symlink path", texts(&["..", "..", "etc", "passwd"]));
    let files = list([link.bytes(), file(10, &["real"]).bytes()]);
    let info = read(&torrent(&folder(&[]).with("files", files))).info;
    assert_eq!(info.files().len(), 1);
    assert_eq!(info.files()[0].path.as_str(), "real");
}

#[test]
fn a_folder_with_one_file_is_still_a_folder() {
    let info = read(&torrent(&folder(&[&["a"]]))).info;
    assert!(!info.is_single_file());
    assert!(read(&torrent(&single())).info.is_single_file());
}

#[test]
fn private_is_private_for_any_number_but_zero() {
    let private = |n| read(&torrent(&single().with("private", number(n)))).info.is_private();
    assert!(private(1) && private(2) && !private(0));
    assert!(!read(&torrent(&single())).info.is_private());
}
