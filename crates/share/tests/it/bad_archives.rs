//! Archives made to do harm, and archives that harm was done to.

use std::fs::{self, File};
use std::path::Path;

use model::ByteCount;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod};
use swarmlab_share::Password;
use swarmlab_share::archive::{
    Archive, EnvelopeError, Kind, OpenError, PackOptions, UnpackError, UnpackOptions, Unpacked,
};

use crate::sample::{Sample, go_on, names, noise, password};

type Content<'a> = (ArchiveEntry, &'a [u8]);

/// An archive without encryption, of these entries.
fn made_of(path: &Path, entries: &[Content<'_>]) {
    let mut archive = ArchiveWriter::new(File::create(path).unwrap()).unwrap();
    for (entry, content) in entries {
        let content = entry.has_stream.then_some(*content);
        archive.push_archive_entry(entry.clone(), content).unwrap();
    }
    archive.finish().unwrap();
}

fn file(name: &str) -> ArchiveEntry {
    ArchiveEntry::new_file(name)
}

fn with_mode(name: &str, mode: u32) -> ArchiveEntry {
    ArchiveEntry { has_windows_attributes: true, windows_attributes: 0x8000 | mode << 16, ..file(name) }
}

/// Unpacks `x.7z` into `out`.
fn unpack(sample: &Sample) -> Result<Unpacked, UnpackError> {
    let archive = Archive::open(&sample.path("x.7z"), None).unwrap();
    archive.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on)
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused_and_nothing_is_written() {
    let evil = ["../evil", "a/../../evil", "/etc/evil", "..", "a\\..\\evil", "C:", "C:/evil", "a//b", "a\nb", ""];
    for name in evil {
        let sample = Sample::empty();
        made_of(&sample.path("x.7z"), &[(file("good"), b"good"), (file(name), b"evil")]);
        let before = sample.around();
        let error = unpack(&sample).unwrap_err();
        assert!(matches!(error, UnpackError::Names(_)), "{name:?}: {error}");
        assert_eq!(sample.around(), before, "{name:?}");
        // It can be looked at all the same.
        let archive = Archive::open(&sample.path("x.7z"), None).unwrap();
        assert!(archive.entries().iter().any(|entry| entry.path.is_err()));
    }
}

#[test]
fn entries_that_meet_are_refused() {
    let cases: [(&[Content<'_>], &str); 3] = [
        (&[(file("a"), b"1"), (file("a"), b"2")], "it has \"a\" twice: whichever came last would win"),
        (&[(file("a"), b"1"), (file("a/b"), b"2")], "\"a\" is both a file and a folder in it"),
        (&[(file("a"), b"1"), (ArchiveEntry::new_directory("a"), b"")], "\"a\" is both a file and a folder in it"),
    ];
    for (entries, message) in cases {
        let sample = Sample::empty();
        made_of(&sample.path("x.7z"), entries);
        assert_eq!(unpack(&sample).unwrap_err().to_string(), message);
        assert!(!sample.path("out").exists());
    }
}

#[test]
fn links_and_special_files_are_left_out_and_named() {
    let sample = Sample::empty();
    let entries: &[Content<'_>] = &[
        (with_mode("top/link", 0o120_777), b"/etc/passwd"),
        (with_mode("top/pipe", 0o010_644), b"?"),
        (with_mode("top/file", 0o104_755), b"content"),
    ];
    made_of(&sample.path("x.7z"), entries);
    let unpacked = unpack(&sample).unwrap();
    assert_eq!(unpacked.skipped, [("top/link".to_owned(), Kind::Link), ("top/pipe".to_owned(), Kind::Special)]);
    assert_eq!(names(&sample.path("out/top")), ["file"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(sample.path("out/top/file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7022, 0, "no setuid, and writable by nobody else: {mode:o}");
    }
}

#[test]
fn many_things_on_top_get_a_folder_of_their_own() {
    let sample = Sample::empty();
    made_of(&sample.path("x.7z"), &[(file("a"), b"1"), (file("b/c"), b"2")]);
    let unpacked = unpack(&sample).unwrap();
    assert_eq!(unpacked.path, Some(sample.path("out/x")));
    assert_eq!(names(&sample.path("out")), ["x"]);
    assert_eq!(names(&sample.path("out/x")), ["a", "b"]);
}

#[test]
fn an_archive_that_grows_beyond_what_is_allowed_is_refused_before_it_does() {
    let sample = Sample::empty();
    made_of(&sample.path("x.7z"), &[(file("zeros"), &vec![0; 2 << 20])]);
    let archive = Archive::open(&sample.path("x.7z"), None).unwrap();
    let options = UnpackOptions { most: Some(ByteCount(1 << 20)), ..UnpackOptions::default() };
    let error = archive.unpack(&sample.path("out"), &options, &mut go_on).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
    assert!(archive.test(&options, &mut go_on).is_err());
    assert!(!sample.path("out").exists());
}

#[test]
fn what_is_there_is_only_replaced_when_asked() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let out = sample.path("out");
    fs::create_dir_all(out.join("holiday")).unwrap();
    fs::write(out.join("holiday/mine"), "mine").unwrap();
    let archive = sample.open();
    let error = archive.unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap_err();
    assert!(matches!(error, UnpackError::Exists(_)), "{error}");
    assert_eq!(names(&out.join("holiday")), ["mine"]);

    archive.unpack(&out, &UnpackOptions { replace: true, ..UnpackOptions::default() }, &mut go_on).unwrap();
    assert!(!out.join("holiday/mine").exists() && out.join("holiday/notes.txt").exists());
    assert_eq!(names(&out), ["holiday"]);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_folder_is_not_followed() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let (out, elsewhere) = (sample.path("out"), sample.path("elsewhere"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("mine"), "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, out.join("holiday")).unwrap();
    let archive = sample.open();
    assert!(matches!(archive.unpack(&out, &UnpackOptions::default(), &mut go_on), Err(UnpackError::Exists(_))));
    archive.unpack(&out, &UnpackOptions { replace: true, ..UnpackOptions::default() }, &mut go_on).unwrap();
    assert_eq!(names(&elsewhere), ["mine"]);
    assert!(!out.join("holiday").is_symlink());
}

#[test]
fn damaged_content_is_called_so_and_nothing_is_left() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let mut bytes = fs::read(sample.archive()).unwrap();
    bytes[100_000] ^= 1;
    fs::write(sample.archive(), bytes).unwrap();
    let archive = sample.open();
    let error = archive.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap_err();
    let UnpackError::Damaged { name, .. } = &error else { panic!("{error}") };
    assert_eq!(name, "holiday/photo.jpg");
    assert!(names(&sample.path("out")).is_empty());
    assert!(matches!(archive.test(&UnpackOptions::default(), &mut go_on), Err(UnpackError::Damaged { .. })));
}

#[test]
fn a_cut_off_archive_is_refused_wherever_it_is_cut() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let bytes = fs::read(sample.archive()).unwrap();
    for length in [7, 31, 32, 1000, bytes.len() / 2, bytes.len() - 300, bytes.len() - 1] {
        fs::write(sample.archive(), &bytes[..length]).unwrap();
        let error = Archive::open(&sample.archive(), Some(&password())).unwrap_err();
        assert!(matches!(error, OpenError::Envelope(EnvelopeError::CutOff { .. })), "{length}: {error}");
    }
}

#[test]
fn any_changed_byte_of_the_outside_is_an_error_and_no_panic() {
    let sample = Sample::empty();
    sample.add("a", &noise(100, 5));
    sample.pack(&PackOptions::default());
    let bytes = fs::read(sample.archive()).unwrap();
    // The first 32 bytes and the unencrypted header; what lies between is checksummed as a whole.
    for place in (0..32).chain(bytes.len() - 120..bytes.len()) {
        for change in [0x01, 0x80, 0xFF] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            fs::write(sample.archive(), &changed).unwrap();
            let opened = Archive::open(&sample.archive(), Some(&password()));
            // The minor version means nothing.
            assert!(opened.is_err() || place == 7, "byte {place} xor {change:#x}");
        }
    }
}

#[test]
fn a_list_with_nonsense_in_it_is_an_error_and_no_panic() {
    let sample = Sample::empty();
    let path = sample.path("x.7z");
    made_of(
        &path,
        &[(file("a"), b"some content"), (with_mode("b", 0o100_644), b"more"), (ArchiveEntry::new_directory("c"), b"")],
    );
    let bytes = fs::read(&path).unwrap();
    let begin = 32 + u64::from_le_bytes(bytes[12..20].try_into().unwrap()) as usize;
    for place in begin..bytes.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut changed = bytes.clone();
            changed[place] = value;
            // With checksums that fit, so that the nonsense is looked at.
            let crc = crc(&changed[begin..]);
            changed[28..32].copy_from_slice(&crc.to_le_bytes());
            let start = self::crc(&changed[12..32]);
            changed[8..12].copy_from_slice(&start.to_le_bytes());
            fs::write(&path, &changed).unwrap();
            if let Ok(archive) = Archive::open(&path, None) {
                let _right_or_wrong = archive.test(&UnpackOptions::default(), &mut go_on);
                let _right_or_wrong = archive.destination(Path::new("out"));
            }
        }
    }
}

#[test]
fn methods_that_are_not_known_are_refused_by_name() {
    let sample = Sample::empty();
    let path = sample.path("x.7z");
    let mut archive = ArchiveWriter::new(File::create(&path).unwrap()).unwrap();
    archive.set_content_methods(vec![EncoderConfiguration::new(EncoderMethod::COPY)]);
    archive.push_archive_entry(file("a"), Some(&b"content"[..])).unwrap();
    archive.finish().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // One folder, not external; one coder, whose number has one byte: 00 is Copy, 0D is nothing.
    let coder = bytes.windows(3).position(|window| window == [0x0B, 0x01, 0x00]).expect("a folder") + 3;
    assert_eq!(&bytes[coder..coder + 3], [0x01, 0x01, 0x00]);
    bytes[coder + 2] = 0x0D;
    let begin = 32 + u64::from_le_bytes(bytes[12..20].try_into().unwrap()) as usize;
    let header = crc(&bytes[begin..]);
    bytes[28..32].copy_from_slice(&header.to_le_bytes());
    let start = crc(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = Archive::open(&path, None).unwrap_err();
    assert!(error.to_string().contains("the method 0D"), "{error}");
}

#[test]
fn a_wrong_password_is_told_even_where_names_show() {
    let sample = Sample::empty();
    let path = sample.path("x.7z");
    let mut archive = ArchiveWriter::new(File::create(&path).unwrap()).unwrap();
    let aes = sevenz_rust2::encoder_options::AesEncoderOptions::new(password().expose().into());
    archive.set_content_methods(vec![aes.into()]);
    archive.set_encrypt_header(false);
    archive.push_archive_entry(file("a"), Some(&noise(1000, 1)[..])).unwrap();
    archive.finish().unwrap();

    let without = Archive::open(&path, None).unwrap();
    assert!(without.needs_password() && without.shows_names());
    let refused = without.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap_err();
    assert!(matches!(refused, UnpackError::PasswordNeeded), "{refused}");
    let wrong = Archive::open(&path, Some(&Password::new("wrong".into()).unwrap())).unwrap();
    let refused = wrong.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap_err();
    assert!(matches!(refused, UnpackError::WrongPassword), "{refused}");
    assert!(!sample.path("out").exists());
    let right = Archive::open(&path, Some(&password())).unwrap();
    right.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap();
    assert_eq!(fs::read(sample.path("out/a")).unwrap(), noise(1000, 1));
}

#[test]
fn damage_after_a_file_that_matched_its_checksum_is_no_wrong_password() {
    let sample = Sample::empty();
    let path = sample.path("x.7z");
    let mut archive = ArchiveWriter::new(File::create(&path).unwrap()).unwrap();
    let aes = sevenz_rust2::encoder_options::AesEncoderOptions::new(password().expose().into());
    archive.set_content_methods(vec![aes.into()]);
    archive.set_encrypt_header(false);
    for (name, seed) in [("a", 1), ("b", 2)] {
        archive.push_archive_entry(file(name), Some(&noise(1000, seed)[..])).unwrap();
    }
    archive.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let tested = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, bytes).unwrap();
        Archive::open(&path, Some(&password())).unwrap().test(&UnpackOptions::default(), &mut go_on).unwrap_err()
    };
    assert!(matches!(tested(32 + 500), UnpackError::WrongPassword));
    let second = tested(32 + 1008 + 500);
    assert!(matches!(&second, UnpackError::Damaged { name, .. } if name == "b"), "{second}");
}

#[test]
fn files_without_a_checksum_are_counted() {
    let sample = Sample::empty();
    let path = sample.path("x.7z");
    made_of(&path, &[(file("a"), b"content")]);
    let unchecked = || {
        let archive = Archive::open(&path, None).unwrap();
        archive.test(&UnpackOptions::default(), &mut go_on).unwrap().unchecked
    };
    assert_eq!(unchecked(), 0);
    let mut bytes = fs::read(&path).unwrap();
    let begin = 32 + u64::from_le_bytes(bytes[12..20].try_into().unwrap()) as usize;
    let digest = [&[0x0A, 1][..], &crc(b"content").to_le_bytes()].concat();
    let place = bytes[begin..].windows(digest.len()).position(|window| window == digest).expect("a checksum");
    bytes.drain(begin + place..begin + place + digest.len());
    let size = (bytes.len() - begin) as u64;
    bytes[20..28].copy_from_slice(&size.to_le_bytes());
    let header = crc(&bytes[begin..]);
    bytes[28..32].copy_from_slice(&header.to_le_bytes());
    let start = crc(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    assert_eq!(unchecked(), 1);
}

/// CRC-32 as in zip and 7z, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
