//! What a recipient does with what came, and what it makes of bad input. The archive is put in its place by
//! hand: whether it came by BitTorrent makes no difference any more.

use std::fs;

use crate::desk::{Desk, SECRET, code, said};

/// A folder `in` with the archive of a share that is over.
fn desk_with_archive() -> Desk {
    let desk = Desk::new(50_000);
    let mut share = desk.share(&["--for", "0 s"]);
    assert_eq!(share.end(), 0, "{}", share.last());
    fs::create_dir(desk.path("in")).unwrap();
    fs::copy(desk.path("h.7z"), desk.path("in/h.7z")).unwrap();
    desk
}

#[test]
fn a_wrong_password_is_told_before_anything_is_written_and_the_archive_stays() {
    let desk = desk_with_archive();
    fs::write(desk.path("secret"), "wrong").unwrap();
    let wrong = desk.receive("in", &[]);
    assert_eq!(code(&wrong), 2);
    assert!(said(&wrong).contains("wrong password") && said(&wrong).contains("in/h.7z stays"), "{}", said(&wrong));
    assert_eq!(desk.names("in"), ["h.7z"]);

    let mut command = desk.command(&["receive", "h.7z.torrent", "-o", "in", "--yes", "--seed-for", "0 s"]);
    let right = command.env("SWARMLAB_PASSWORD", SECRET).output().unwrap();
    assert_eq!(code(&right), 0, "{}", said(&right));
    desk.assert_same("in/holiday");
}

#[test]
fn what_is_there_is_not_replaced_unasked() {
    let desk = desk_with_archive();
    fs::create_dir(desk.path("in/holiday")).unwrap();
    fs::write(desk.path("in/holiday/mine.txt"), "mine").unwrap();
    let refused = desk.receive("in", &[]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("--force"), "{}", said(&refused));
    assert_eq!(desk.names("in/holiday"), ["mine.txt"]);
    assert_eq!(code(&desk.receive("in", &["--force"])), 0);
    desk.assert_same("in/holiday");
}

#[test]
fn another_file_of_the_archives_name_is_not_overwritten() {
    let desk = desk_with_archive();
    fs::write(desk.path("in/h.7z"), "somebody else's").unwrap();
    let refused = desk.receive("in", &[]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("0 of ") && said(&refused).contains("--force"), "{}", said(&refused));
    assert_eq!(fs::read_to_string(desk.path("in/h.7z")).unwrap(), "somebody else's");
    assert_eq!(desk.names("in"), ["h.7z"]);
}

#[test]
fn an_archive_that_was_shared_damaged_is_called_damaged_and_not_a_wrong_password() {
    let desk = desk_with_archive();
    let whole = fs::read(desk.path("h.7z")).unwrap();
    let mut flipped = whole.clone();
    flipped[10_000] ^= 1;
    for (bytes, word, exit) in [(&flipped[..], "damaged", 1), (&whole[..30_000], "cut off", 1)] {
        fs::write(desk.path("h.7z"), bytes).unwrap();
        fs::write(desk.path("in/h.7z"), bytes).unwrap();
        assert_eq!(code(&desk.run(&["torrent", "create", "h.7z", "--force"])), 0);
        let damaged = desk.receive("in", &[]);
        assert_eq!(code(&damaged), exit, "{}", said(&damaged));
        assert!(said(&damaged).contains(word) && !said(&damaged).contains("wrong password"), "{}", said(&damaged));
        assert_eq!(desk.names("in"), ["h.7z"], "nothing half is left");
    }
}

#[test]
fn listing_shows_the_names_and_unpacks_nothing() {
    let desk = desk_with_archive();
    let listed = desk.receive("in", &["--list"]);
    assert_eq!(code(&listed), 0, "{}", said(&listed));
    assert!(said(&listed).contains("holiday/beach/sand 🏖.jpg"), "{}", said(&listed));
    assert_eq!(desk.names("in"), ["h.7z"]);
}

#[test]
fn the_archive_goes_when_asked_and_stays_otherwise() {
    let desk = desk_with_archive();
    assert_eq!(code(&desk.receive("in", &["--no-unpack"])), 0);
    assert_eq!(desk.names("in"), ["h.7z"]);
    assert_eq!(code(&desk.receive("in", &[])), 0);
    assert_eq!(desk.names("in"), ["h.7z", "holiday"]);
    assert_eq!(code(&desk.receive("in", &["--delete-archive", "--force"])), 0);
    assert_eq!(desk.names("in"), ["holiday"]);
}

#[test]
fn what_is_no_torrent_is_said() {
    let desk = Desk::new(10);
    fs::write(desk.path("x.torrent"), "nonsense").unwrap();
    for (torrent, word) in [("x.torrent", "torrent"), ("ghost.torrent", "ghost"), ("magnet:?dn=x", "magnet")] {
        let refused = desk.run(&["receive", torrent, "--yes"]);
        assert!(code(&refused) == 2 && said(&refused).contains(word), "{}", said(&refused));
    }
}
