//! What happens to the files, or to the user's mind, while the work is on.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use swarmlab_share::archive::{
    PackError, PackOptions, Packed, PartError, Progress, Survey, SurveyError, UnpackError, UnpackOptions, pack,
};

use crate::sample::{Sample, go_on, names, noise, password};

/// Packs, and does something when the first bytes have been read.
fn pack_while(sample: &Sample, meanwhile: impl FnOnce()) -> Result<Packed, PackError> {
    let survey = sample.survey();
    let mut meanwhile = Some(meanwhile);
    let mut watch = |_: Progress<'_>| {
        if let Some(meanwhile) = meanwhile.take() {
            meanwhile();
        }
        ControlFlow::Continue(())
    };
    pack(&survey, &sample.archive(), &password(), &PackOptions::default(), &mut watch)
}

/// `photo.jpg` is read first: it is stored.
fn with_second(name: &str) -> (Sample, PathBuf) {
    let sample = Sample::empty();
    sample.add("photo.jpg", &noise(600_000, 1));
    let second = sample.add(name, &noise(400_000, 2));
    (sample, second)
}

#[test]
fn a_file_that_changes_while_it_is_packed_is_said_and_nothing_is_left() {
    let (sample, second) = with_second("zebra.jpg");
    let grown = || fs::write(&second, noise(400_001, 2)).unwrap();
    let shrunk = || fs::write(&second, noise(399_999, 2)).unwrap();
    let rewritten = || {
        fs::write(&second, noise(400_000, 3)).unwrap();
        // As file systems with coarse times need a later time to tell.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
        fs::File::options().write(true).open(&second).unwrap().set_modified(later).unwrap();
    };
    let changes: [&dyn Fn(); 3] = [&grown, &shrunk, &rewritten];
    for change in changes {
        let error = pack_while(&sample, change).unwrap_err();
        assert!(matches!(&error, PackError::Changed(path) if path.ends_with("zebra.jpg")), "{error}");
        assert_eq!(sample.around(), ["holiday"]);
    }
}

#[test]
fn a_file_that_vanishes_before_it_is_packed_is_said_and_nothing_is_left() {
    let (sample, second) = with_second("zebra.jpg");
    let error = pack_while(&sample, || fs::remove_file(&second).unwrap()).unwrap_err();
    assert!(matches!(&error, PackError::Vanished(path) if path.ends_with("zebra.jpg")), "{error}");
    assert_eq!(sample.around(), ["holiday"]);
}

#[test]
fn an_empty_file_that_is_no_longer_empty_is_said() {
    let sample = Sample::new();
    let survey = sample.survey();
    fs::write(sample.folder().join("nothing"), "something").unwrap();
    let error = pack(&survey, &sample.archive(), &password(), &PackOptions::default(), &mut go_on).unwrap_err();
    assert!(matches!(&error, PackError::Changed(path) if path.ends_with("nothing")), "{error}");
}

#[test]
fn breaking_off_leaves_nothing_behind_in_either_direction() {
    let sample = Sample::new();
    let mut stop = |_: Progress<'_>| ControlFlow::Break(());
    assert!(matches!(Survey::find(&sample.folder(), &mut stop), Err(SurveyError::Cancelled)));
    let survey = sample.survey();
    for threads in [1, 2] {
        let options = PackOptions { threads, ..PackOptions::default() };
        let error = pack(&survey, &sample.archive(), &password(), &options, &mut stop).unwrap_err();
        assert!(matches!(error, PackError::Cancelled), "{error}");
        assert_eq!(sample.around(), ["holiday"]);
    }
    sample.pack(&PackOptions::default());
    let error = sample.open().unpack(&sample.path("out"), &UnpackOptions::default(), &mut stop).unwrap_err();
    assert!(matches!(error, UnpackError::Cancelled), "{error}");
    assert!(names(&sample.path("out")).is_empty());
}

#[test]
fn breaking_off_while_compressing_leaves_nothing_behind() {
    let sample = Sample::empty();
    sample.add("a.txt", &crate::sample::text(9 << 20));
    let survey = sample.survey();
    let mut calls = 0;
    let mut late = |_: Progress<'_>| {
        calls += 1;
        if calls == 30 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = PackOptions { threads: 2, ..PackOptions::default() };
    let error = pack(&survey, &sample.archive(), &password(), &options, &mut late).unwrap_err();
    assert!(matches!(error, PackError::Cancelled), "{error}");
    assert_eq!(sample.around(), ["holiday"]);
}

#[test]
fn an_archive_that_is_there_is_only_replaced_when_asked() {
    let sample = Sample::new();
    fs::write(sample.archive(), "mine").unwrap();
    let error = sample.try_pack(&PackOptions::default()).unwrap_err();
    assert!(matches!(error, PackError::Exists(_)), "{error}");
    assert_eq!(fs::read_to_string(sample.archive()).unwrap(), "mine");
    sample.pack(&PackOptions { replace: true, ..PackOptions::default() });
    assert_eq!(sample.open().entries().len(), 14);
    assert_eq!(sample.around(), ["holiday", "holiday.7z"]);
}

/// As a killed writer leaves it.
fn left_behind(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("lock"), "").unwrap();
    fs::write(path.join("content"), "half").unwrap();
}

#[test]
fn what_a_killed_try_left_is_said_and_taken_away_when_asked() {
    let sample = Sample::new();
    left_behind(&sample.path("holiday.7z.swarmlab-part"));
    let error = sample.try_pack(&PackOptions::default()).unwrap_err();
    assert!(matches!(error, PackError::Part(PartError::Left(_))), "{error}");
    sample.pack(&PackOptions { replace: true, ..PackOptions::default() });
    left_behind(&sample.path("out/holiday.swarmlab-part"));
    let error = sample.open().unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap_err();
    assert!(matches!(error, UnpackError::Part(PartError::Left(_))), "{error}");
    let replace = UnpackOptions { replace: true, ..UnpackOptions::default() };
    sample.open().unpack(&sample.path("out"), &replace, &mut go_on).unwrap();
    assert_eq!(names(&sample.path("out")), ["holiday"]);
}

#[test]
fn two_that_write_the_same_do_not_take_each_others_work_away() {
    let sample = Sample::new();
    let replace = PackOptions { replace: true, ..PackOptions::default() };
    let second = || {
        let error = sample.try_pack(&replace).unwrap_err();
        assert!(matches!(error, PackError::Part(PartError::Busy(_))), "{error}");
    };
    pack_while(&sample, second).unwrap();

    let archive = sample.open();
    let unpack = |watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>| {
        archive.unpack(&sample.path("out"), &UnpackOptions { replace: true, ..UnpackOptions::default() }, watch)
    };
    let mut meanwhile = |_: Progress<'_>| {
        assert!(matches!(unpack(&mut go_on), Err(UnpackError::Part(PartError::Busy(_)))));
        ControlFlow::Continue(())
    };
    unpack(&mut meanwhile).unwrap();
    assert_eq!(crate::sample::tree(&sample.path("out/holiday")), crate::sample::tree(&sample.folder()));
    assert_eq!(names(&sample.path("out")), ["holiday"]);
}

#[test]
fn parts_of_other_programs_are_nobodys_to_remove() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    for theirs in ["holiday.7z.part", "holiday.7z.old.part", "out/holiday.part", "out/holiday.old.part"] {
        fs::create_dir_all(sample.path("out")).unwrap();
        fs::write(sample.path(theirs), "theirs").unwrap();
    }
    sample.pack(&PackOptions { replace: true, ..PackOptions::default() });
    for _ in 0..2 {
        let replace = UnpackOptions { replace: true, ..UnpackOptions::default() };
        sample.open().unpack(&sample.path("out"), &replace, &mut go_on).unwrap();
    }
    assert_eq!(names(&sample.path("out")), ["holiday", "holiday.old.part", "holiday.part"]);
    assert_eq!(sample.around(), ["holiday", "holiday.7z", "holiday.7z.old.part", "holiday.7z.part", "out"]);
}

#[test]
fn what_lies_in_an_unfinished_archive_is_not_packed_into_it() {
    let sample = Sample::new();
    let part = sample.path("h.7z.swarmlab-part");
    left_behind(&part);
    let replace = PackOptions { replace: true, ..PackOptions::default() };
    for source in [part.clone(), part.join("content")] {
        let survey = Survey::find(&source, &mut go_on).unwrap();
        let error = pack(&survey, &sample.path("h.7z"), &password(), &replace, &mut go_on).unwrap_err();
        assert!(matches!(error, PackError::InsideItself(_)), "{error}");
        assert_eq!(fs::read_to_string(part.join("content")).unwrap(), "half");
    }
}

#[test]
fn what_an_ended_try_was_replacing_is_named_and_kept() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    fs::create_dir_all(sample.path("out/holiday.swarmlab-old")).unwrap();
    let replace = UnpackOptions { replace: true, ..UnpackOptions::default() };
    let error = sample.open().unpack(&sample.path("out"), &replace, &mut go_on).unwrap_err();
    assert!(error.to_string().contains("holiday.swarmlab-old is there"), "{error}");
    assert_eq!(names(&sample.path("out")), ["holiday.swarmlab-old"]);
}

#[cfg(unix)]
#[test]
fn a_folder_with_read_only_folders_in_it_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    for _ in 0..2 {
        let replace = UnpackOptions { replace: true, ..UnpackOptions::default() };
        let unpacked = sample.open().unpack(&sample.path("out"), &replace, &mut go_on).unwrap();
        assert_eq!(unpacked.left, None);
        assert_eq!(names(&sample.path("out")), ["holiday"]);
        let read_only = fs::Permissions::from_mode(0o555);
        fs::set_permissions(sample.path("out/holiday/deep/er/down"), read_only).unwrap();
    }
    // Whoever clears up after the test may be anybody.
    fs::set_permissions(sample.path("out/holiday/deep/er/down"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_archive_inside_the_folder_that_it_packs_is_refused() {
    let sample = Sample::new();
    for inside in ["holiday/x.7z", "holiday/deep/x.7z"] {
        let result = pack(&sample.survey(), &sample.path(inside), &password(), &PackOptions::default(), &mut go_on);
        assert!(matches!(result, Err(PackError::InsideItself(_))));
    }
}

#[test]
fn replacing_never_takes_away_a_folder_or_what_is_packed() {
    let sample = Sample::new();
    let replace = PackOptions { replace: true, ..PackOptions::default() };
    let onto = |survey: &Survey, output: &str| pack(survey, &sample.path(output), &password(), &replace, &mut go_on);
    assert!(matches!(onto(&sample.survey(), "holiday"), Err(PackError::Folder(_))));
    fs::create_dir(sample.path("other")).unwrap();
    assert!(matches!(onto(&sample.survey(), "other"), Err(PackError::Folder(_))));
    let notes = Survey::find(&sample.folder().join("notes.txt"), &mut go_on).unwrap();
    assert!(matches!(onto(&notes, "holiday/notes.txt"), Err(PackError::InsideItself(_))));
    assert_eq!(sample.survey().files().len(), 8);

    // The archive, put into the very folder that it unpacks to.
    sample.pack(&replace);
    let inside = sample.folder().join("holiday.7z");
    fs::rename(sample.archive(), &inside).unwrap();
    let archive = swarmlab_share::archive::Archive::open(&inside, Some(&password())).unwrap();
    let options = UnpackOptions { replace: true, ..UnpackOptions::default() };
    let error = archive.unpack(&sample.path("."), &options, &mut go_on).unwrap_err();
    assert!(matches!(error, UnpackError::ReplacesItself(_)), "{error}");
    assert!(inside.exists());
}

#[test]
fn a_path_to_nothing_is_said() {
    let sample = Sample::new();
    let error = Survey::find(&sample.path("ghost"), &mut go_on).unwrap_err();
    assert!(matches!(error, SurveyError::Nothing(_)), "{error}");
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_left_out_and_named() {
    let sample = Sample::new();
    std::os::unix::fs::symlink("/etc/passwd", sample.folder().join("link")).unwrap();
    std::os::unix::fs::symlink("..", sample.folder().join("round")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sample.folder().join("socket")).unwrap();
    let survey = sample.survey();
    let skipped: Vec<(bool, &str)> = survey
        .skipped()
        .iter()
        .map(|skipped| {
            (
                matches!(skipped, swarmlab_share::archive::Skipped::Link { .. }),
                skipped.path().file_name().unwrap().to_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(skipped, [(true, "link"), (true, "round"), (false, "socket")]);
    assert!(survey.skipped()[0].to_string().ends_with("link is a link to /etc/passwd"));
    assert_eq!(survey.files().len(), 8);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_no_archive_carries_are_all_said() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sample = Sample::new();
    fs::write(sample.folder().join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    fs::write(sample.folder().join("back\\slash"), "x").unwrap();
    let error = Survey::find(&sample.folder(), &mut go_on).unwrap_err();
    let SurveyError::Faults(faults) = &error else { panic!("{error}") };
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|fault| matches!(fault, swarmlab_share::archive::Fault::Name { .. })));
    assert!(error.to_string().contains("is not UTF-8"), "{error}");
}

#[cfg(unix)]
#[test]
fn names_that_trouble_other_systems_are_told_before() {
    let sample = Sample::empty();
    for name in ["what?.txt", "README", "readme", "fine"] {
        sample.add(name, b"x");
    }
    let survey = sample.survey();
    let troubles = survey.trouble_elsewhere();
    assert!(troubles.iter().any(|trouble| trouble == "holiday/what?.txt becomes what_.txt on Windows"), "{troubles:?}");
    // A disk without case holds only one of the two to begin with.
    if survey.files().len() == 4 {
        assert_eq!(troubles.len(), 2, "{troubles:?}");
    }
}
