//! A folder with its torrent, found again by a later call.

use std::fs;
use std::time::{Duration, SystemTime};

use swarmlab_share::archive::PackOptions;
use swarmlab_share::{Parcel, ParcelError, Wrapping, pack, pack_plain};

use crate::sample::{Sample, go_on, noise, password};

fn wrapping(sample: &Sample, name: &str) -> Wrapping {
    let announce = vec![vec!["udp://10.0.0.1:6969".to_owned()]];
    Wrapping { name: sample.path(name), announce, port: 7001, replace: false }
}

fn packed(sample: &Sample, name: &str) -> Parcel {
    pack(&sample.survey(), &password(), &PackOptions::default(), &wrapping(sample, name), &mut go_on).unwrap()
}

#[test]
fn a_parcel_is_an_archive_with_a_torrent_that_says_no_more_than_it_must() {
    let sample = Sample::new();
    let parcel = packed(&sample, "h.7z");
    let torrent = metainfo::Metainfo::from_bytes(&fs::read(sample.path("h.7z.torrent")).unwrap()).unwrap();
    assert_eq!(torrent, parcel.torrent);
    assert!(torrent.info.is_single_file() && !torrent.info.is_private());
    assert_eq!((torrent.created_by, torrent.creation_date, torrent.comment), (None, None, None));
    let found = net::verify(&std::sync::Arc::new(torrent.info), &parcel.folder(), |_| ());
    assert!(found.is_right(), "the hashes that were taken on the way are those of the file");
}

#[test]
fn the_same_folder_twice_is_two_torrents_that_nobody_can_link() {
    let sample = Sample::new();
    let (one, other) = (packed(&sample, "a.7z"), packed(&sample, "b.7z"));
    assert_ne!(one.torrent.info.info_hash(), other.torrent.info.info_hash());
    let pieces = |parcel: &Parcel| -> Vec<[u8; 20]> {
        (0..parcel.torrent.info.piece_count()).map(|n| parcel.torrent.info.piece_hash(model::PieceIndex(n))).collect()
    };
    assert!(pieces(&one).iter().all(|hash| !pieces(&other).contains(hash)), "no piece is in both");
}

#[test]
fn a_later_call_finds_the_parcel_of_a_folder_and_knows_whether_it_changed() {
    let sample = Sample::new();
    let made = packed(&sample, "h.7z");
    let find = || Parcel::of(&sample.survey(), false, &sample.path(""));
    let (found, unchanged) = find().unwrap();
    assert_eq!((found.torrent, found.note, unchanged), (made.torrent, made.note, true));
    assert!(Parcel::of(&sample.survey(), true, &sample.path("")).is_none(), "it is no plain share");

    let letter = sample.path("holiday/tiny");
    fs::File::options()
        .write(true)
        .open(&letter)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(9))
        .unwrap();
    assert!(!find().unwrap().1);
    fs::remove_file(sample.path("h.7z")).unwrap();
    assert!(find().is_none(), "without its archive it is none");
}

#[test]
fn notes_of_others_and_nonsense_are_passed_over() {
    let sample = Sample::new();
    for (name, text) in [("a.share", "nonsense"), ("b.share", "{}"), ("c.share", "")] {
        fs::write(sample.path(name), text).unwrap();
    }
    fs::create_dir(sample.path("d.share")).unwrap();
    assert!(Parcel::of(&sample.survey(), false, &sample.path("")).is_none());
}

#[cfg(unix)]
#[test]
fn the_note_is_its_users_alone_and_the_torrent_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let sample = Sample::new();
    packed(&sample, "h.7z");
    let mode = |name: &str| fs::metadata(sample.path(name)).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode("h.7z.share"), 0);
    assert_ne!(mode("h.7z.torrent"), 0, "it is there to be handed over");
}

#[test]
fn a_plain_parcel_is_the_folder_itself() {
    let sample = Sample::new();
    let content = net::Content::find(&sample.folder()).unwrap();
    let parcel = pack_plain(&content, &sample.survey(), &wrapping(&sample, "h"), |_| ()).unwrap();
    assert_eq!((&parcel.content, parcel.note.plain), (&sample.folder().canonicalize().unwrap(), true));
    assert_eq!(parcel.torrent.info.name(), "holiday");
    assert!(net::verify(&std::sync::Arc::new(parcel.torrent.info), &sample.path(""), |_| ()).is_right());
    let (found, _) = Parcel::of(&sample.survey(), true, &sample.path("")).unwrap();
    assert_eq!(found.content, parcel.content);
}

#[test]
fn a_torrent_that_is_there_is_not_replaced_unasked_and_no_archive_is_made_for_nothing() {
    let sample = Sample::new();
    fs::write(sample.path("h.7z.torrent"), "somebody's").unwrap();
    let options = PackOptions::default();
    let made = pack(&sample.survey(), &password(), &options, &wrapping(&sample, "h.7z"), &mut go_on);
    assert!(matches!(made, Err(ParcelError::Exists(_))), "{made:?}");
    assert_eq!(sample.around(), ["h.7z.torrent", "holiday"]);
    let replacing = Wrapping { replace: true, ..wrapping(&sample, "h.7z") };
    pack(&sample.survey(), &password(), &options, &replacing, &mut go_on).unwrap();
    assert_eq!(sample.around(), ["h.7z", "h.7z.share", "h.7z.torrent", "holiday"]);
}

/// The end of the last piece falls on the end of the files: makers of torrents have stumbled over it.
#[test]
fn a_plain_total_that_is_an_exact_multiple_of_the_piece_size_has_no_piece_too_many() {
    let sample = Sample::empty();
    sample.add("a", &noise(48 << 10, 7));
    sample.add("b", &noise(16 << 10, 8));
    sample.add("c", b"");
    let content = net::Content::find(&sample.folder()).unwrap();
    let parcel = pack_plain(&content, &sample.survey(), &wrapping(&sample, "h"), |_| ()).unwrap();
    let info = parcel.torrent.info;
    assert_eq!((info.piece_length(), info.piece_count()), (16 << 10, 4));
    assert!(net::verify(&std::sync::Arc::new(info), &sample.path(""), |_| ()).is_right());
}
