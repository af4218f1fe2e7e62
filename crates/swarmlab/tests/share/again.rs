//! A share that was made before.

use std::fs;

use crate::desk::{Desk, LOCAL, code, said};

fn info_hash(desk: &Desk, args: &[&str]) -> String {
    let mut share = desk.start(&[args, &LOCAL, &["--for", "0 s"]].concat());
    let hash = share.until("share", "ready")["info-hash"].as_str().unwrap().to_owned();
    assert_eq!(share.end(), 0, "{}", share.last());
    hash
}

const FIRST: [&str; 6] = ["share", "holiday", "--name", "h", "--password-file", "secret"];

#[test]
fn the_same_folder_again_is_offered_and_not_packed_unasked() {
    let desk = Desk::new(50_000);
    let first = info_hash(&desk, &FIRST);
    let asked = desk.run(&["share", "holiday", "--password-file", "secret"]);
    assert_eq!(code(&asked), 2);
    for word in ["h.7z.torrent", "has not changed", "--again", "--repack"] {
        assert!(said(&asked).contains(word), "{word}: {}", said(&asked));
    }
    assert_eq!(info_hash(&desk, &["share", "holiday", "--again"]), first, "no password is needed to seed it");
    assert_eq!(info_hash(&desk, &["share", "h.7z.torrent"]), first);

    fs::write(desk.path("holiday/notes.txt"), "rain").unwrap();
    let asked = desk.run(&["share", "holiday", "--password-file", "secret"]);
    assert!(said(&asked).contains("HAS CHANGED"), "{}", said(&asked));
    let repacked = info_hash(&desk, &["share", "holiday", "--repack", "--name", "i", "--password-file", "secret"]);
    assert_ne!(repacked, first);
}

#[test]
fn the_same_folder_twice_gives_other_bytes_and_another_torrent() {
    let desk = Desk::new(50_000);
    let one = info_hash(&desk, &FIRST);
    let other = ["share", "holiday", "--name", "h", "--password-file", "secret", "-o", "other"];
    assert_ne!(info_hash(&desk, &other), one);
    assert_ne!(fs::read(desk.path("h.7z")).unwrap(), fs::read(desk.path("other/h.7z")).unwrap());
}

#[test]
fn the_magnet_link_of_a_share_that_goes_on_is_still_right() {
    let desk = Desk::new(50_000);
    let args = ["share", "holiday", "--name", "h", "--password-file", "secret", "--json", "--for", "0 s"];
    let magnet = |args: &[&str]| {
        let mut share = desk.start(args);
        let magnet = share.until("share", "ready")["magnet"].clone();
        share.end();
        magnet
    };
    let first = magnet(&args);
    assert!(first.as_str().unwrap().contains("x.pe="), "{first}");
    assert_eq!(magnet(&["share", "h.7z.torrent", "--json", "--for", "0 s"]), first);
}

#[test]
fn an_archive_that_is_no_longer_what_its_torrent_says_is_not_seeded() {
    let desk = Desk::new(200_000);
    info_hash(&desk, &FIRST);
    let mut bytes = fs::read(desk.path("h.7z")).unwrap();
    bytes[100_000] ^= 1;
    fs::write(desk.path("h.7z"), bytes).unwrap();
    let refused = desk.run(&["share", "h.7z.torrent", "--to", "1"]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("pieces on disk are as the torrent"), "{}", said(&refused));
    fs::remove_file(desk.path("h.7z")).unwrap();
    let gone = desk.run(&["share", "h.7z.torrent", "--to", "1"]);
    assert!(code(&gone) == 2 && said(&gone).contains("is gone"), "{}", said(&gone));
}

#[test]
fn a_plain_folder_that_changed_is_hashed_again() {
    let desk = Desk::new(50_000);
    let plain = ["share", "holiday", "--plain"];
    let first = info_hash(&desk, &plain);
    assert_eq!(info_hash(&desk, &["share", "holiday", "--plain", "--again"]), first);
    fs::write(desk.path("holiday/notes.txt"), "rain").unwrap();
    assert_ne!(info_hash(&desk, &["share", "holiday", "--plain", "--force"]), first);
}

#[test]
fn names_that_are_taken_or_are_no_names_are_said() {
    let desk = Desk::new(10_000);
    fs::write(desk.path("h.7z"), "mine").unwrap();
    let taken = desk.run(&FIRST);
    assert!(code(&taken) == 2 && said(&taken).contains("--force"), "{}", said(&taken));
    assert_eq!(fs::read_to_string(desk.path("h.7z")).unwrap(), "mine");
    let path = desk.run(&["share", "holiday", "--name", "../h", "--password-file", "secret"]);
    assert!(code(&path) == 2 && said(&path).contains("--output"), "{}", said(&path));
    assert_eq!(desk.names(""), ["h.7z", "holiday", "secret"]);
}
