//! What goes in comes out.

use std::fs;

use metainfo::Builder;
use model::ByteCount;
use sha1::{Digest, Sha1};
use swarmlab_share::archive::{Kind, Level, PackOptions, Packing, Survey, UnpackOptions};

use crate::sample::{Sample, go_on, names, noise, text, tree};

#[test]
fn a_folder_comes_back_as_it_was_at_every_kind_of_level() {
    for (level, threads) in [(0, 2), (1, 1), (1, 2), (5, 2)] {
        let sample = Sample::new();
        let before = tree(&sample.folder());
        sample.pack(&PackOptions { level: Level::new(level).unwrap(), threads, ..PackOptions::default() });
        let out = sample.path("out");
        let unpacked = sample.open().unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap();
        assert_eq!(unpacked.path, Some(out.join("holiday")));
        assert_eq!((unpacked.files, unpacked.folders), (8, 6));
        assert_eq!(tree(&out.join("holiday")), before, "level {level}");
        assert_eq!(names(&out), ["holiday"]);
    }
}

#[cfg(unix)]
#[test]
fn times_and_permissions_are_kept_of_files_and_folders() {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::{Duration, UNIX_EPOCH};
    let sample = Sample::new();
    let day = |day: u64| UNIX_EPOCH + Duration::from_secs(day * 86_400);
    for (path, mode, modified) in
        [("tiny", 0o400, 10_000), ("notes.txt", 0o750, 20_000), ("empty/er", 0o500, 15_000), ("", 0o700, 9_000)]
    {
        let path = sample.folder().join(path);
        fs::File::open(&path).unwrap().set_modified(day(modified)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let before = tree(&sample.folder());
    sample.pack(&PackOptions::default());
    let out = sample.path("out");
    sample.open().unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap();
    let after = tree(&out.join("holiday"));
    assert_eq!(after, before);
    assert_eq!(after[&PathBuf::from("tiny")].permissions, 0o400);
    assert_eq!(after[&PathBuf::from("empty/er")].modified, day(15_000));
}

#[test]
fn a_single_file_is_packed_without_a_folder() {
    let sample = Sample::new();
    let survey = Survey::find(&sample.folder().join("notes.txt"), &mut go_on).unwrap();
    let password = crate::sample::password();
    swarmlab_share::archive::pack(&survey, &sample.archive(), &password, &PackOptions::default(), &mut go_on).unwrap();
    let archive = sample.open();
    assert_eq!(archive.entries().len(), 1);
    let out = sample.path("out");
    archive.unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap();
    assert_eq!(fs::read(out.join("notes.txt")).unwrap(), text(120_000));
}

#[test]
fn photos_are_stored_and_text_is_compressed() {
    let sample = Sample::new();
    let survey = sample.survey();
    let packing = |name: &str| survey.files().iter().find(|file| file.path.file_name() == name).unwrap().packing;
    assert_eq!(packing("photo.jpg"), Packing::Store);
    assert_eq!(packing("notes.txt"), Packing::Compress);
    let packed = sample.pack(&PackOptions::default());
    assert!(packed.length < ByteCount(320_000), "{}", packed.length);
    let stored = sample.pack(&PackOptions { level: Level::STORE, replace: true, ..PackOptions::default() });
    assert!(stored.length > stored.content, "{}", stored.length);
}

#[test]
fn entries_lie_sorted_under_one_folder() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let archive = sample.open();
    let folders: Vec<&str> =
        archive.entries().iter().filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        folders,
        ["holiday", "holiday/deep", "holiday/deep/er", "holiday/deep/er/down", "holiday/empty", "holiday/empty/er"]
    );
    assert!(archive.entries().iter().all(|entry| entry.name.starts_with("holiday")));
}

#[test]
fn thousands_of_small_files_come_back() {
    let sample = Sample::empty();
    for number in 0..3_000 {
        sample.add(&format!("{}/{number}.txt", number % 7), format!("file {number}").repeat(number % 50).as_bytes());
    }
    let before = tree(&sample.folder());
    sample.pack(&PackOptions::default());
    let out = sample.path("out");
    sample.open().unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap();
    assert_eq!(tree(&out.join("holiday")), before);
}

#[test]
fn pieces_hashed_on_the_way_make_the_torrent_of_the_archive() {
    let sample = Sample::new();
    sample.add("more.jpg", &noise(200_000, 2));
    for piece_length in [16 * 1024, 256 * 1024, 1 << 20] {
        let options = PackOptions { piece_length: Some(piece_length), replace: true, ..PackOptions::default() };
        let packed = sample.pack(&options);
        let file = fs::read(&packed.path).unwrap();
        let pieces = packed.pieces.unwrap();
        let expected: Vec<[u8; 20]> =
            file.chunks(piece_length as usize).map(|piece| Sha1::digest(piece).into()).collect();
        assert_eq!(pieces.hashes, expected);
        let builder = Builder { piece_length, ..Builder::single_file("holiday.7z", packed.length.0) };
        assert_eq!(builder.build(&pieces.hashes).unwrap().info.piece_count() as usize, expected.len());
    }
}

#[test]
fn a_test_of_an_archive_writes_nothing() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let before = sample.around();
    let tested = sample.open().test(&UnpackOptions::default(), &mut go_on).unwrap();
    assert_eq!((tested.path, tested.files, tested.folders), (None, 8, 6));
    assert_eq!(sample.around(), before);
}

#[test]
fn progress_ends_at_the_total_and_never_goes_back() {
    let sample = Sample::new();
    let survey = sample.survey();
    let (mut done, total) = (ByteCount::ZERO, survey.total());
    let mut watch = |progress: swarmlab_share::archive::Progress<'_>| {
        assert!(progress.done >= done && progress.total == total);
        done = progress.done;
        std::ops::ControlFlow::Continue(())
    };
    let password = crate::sample::password();
    swarmlab_share::archive::pack(&survey, &sample.archive(), &password, &PackOptions::default(), &mut watch).unwrap();
    assert_eq!(done, total);
}
