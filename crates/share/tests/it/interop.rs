//! The same archives in other hands: 7-Zip and py7zr open ours, and we theirs.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use swarmlab_share::archive::{Archive, EnvelopeError, MethodError, OpenError, PackOptions, UnpackOptions};
use swarmlab_tests::{Missing, needs};

use crate::sample::{Sample, go_on, password, tree};

/// 7-Zip, told the password at its prompt and not on its command line.
fn seven_zip<A: AsRef<OsStr>>(dir: &Path, input: &str, args: impl IntoIterator<Item = A>) -> Result<Output, Missing> {
    let missing = |_| Missing("7z (package p7zip-full or 7zip)".to_owned());
    run(Command::new("7z").args(args).current_dir(dir), input).map_err(missing)
}

fn run(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // A program that asks for nothing closes its end.
    let _unasked = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output()
}

/// The system's own Python: another one that comes first in PATH does not see its packages.
const PYTHON: &str = "/usr/bin/python3";

/// A Python script that finds the password on its standard input.
fn py7zr(dir: &Path, script: &str) -> Result<Output, Missing> {
    let missing = || Missing("py7zr (package python3-py7zr)".to_owned());
    let there = Command::new(PYTHON).args(["-c", "import py7zr"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return Err(missing());
    }
    run(Command::new(PYTHON).args(["-c", script]).current_dir(dir), password().expose()).map_err(|_| missing())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The password as an answer to a prompt.
fn once() -> String {
    format!("{}\n", password().expose())
}

/// As above, where it is asked for twice.
fn twice() -> String {
    once().repeat(2)
}

#[test]
fn seven_zip_tests_and_unpacks_ours() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let Some(tested) = needs(seven_zip(&sample.path("."), &once(), ["t", "holiday.7z"])) else { return };
    assert!(tested.status.success(), "{}", said(&tested));
    let unpacked = seven_zip(&sample.path("."), &once(), ["x", "-otheirs", "holiday.7z"]).unwrap();
    assert!(unpacked.status.success(), "{}", said(&unpacked));
    assert_eq!(tree(&sample.path("theirs/holiday")), tree(&sample.folder()));
}

#[test]
fn seven_zip_lists_ours_with_the_password_and_no_name_without() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let Some(listed) = needs(seven_zip(&sample.path("."), &once(), ["l", "-slt", "holiday.7z"])) else { return };
    let text = said(&listed);
    assert!(listed.status.success() && text.contains("holiday/notes.txt"), "{text}");
    assert!(text.contains("7zAES:19"), "{text}");
    assert!(!text.contains("Accessed = 2") && !text.contains("Created = 2"), "{text}");
    for wrong in ["\n", "wrong\n"] {
        let listed = seven_zip(&sample.path("."), wrong, ["l", "-slt", "holiday.7z"]).unwrap();
        let text = said(&listed);
        assert!(!listed.status.success() && !text.contains("notes") && !text.contains("photo"), "{text}");
    }
}

#[test]
fn we_open_what_seven_zip_packs_at_every_level_with_names_hidden_and_shown() {
    for level in ["-mx=0", "-mx=1", "-mx=5", "-mx=9"] {
        for names in ["-mhe=on", "-mhe=off"] {
            let sample = Sample::new();
            let args = ["a", level, names, "-p", "holiday.7z", "holiday"];
            let Some(made) = needs(seven_zip(&sample.path("."), &twice(), args)) else { return };
            assert!(made.status.success(), "{}", said(&made));
            let archive = sample.open();
            assert_eq!(archive.shows_names(), names == "-mhe=off");
            let out = sample.path("out");
            archive.unpack(&out, &UnpackOptions::default(), &mut go_on).unwrap();
            assert_eq!(tree(&out.join("holiday")), tree(&sample.folder()), "{level} {names}");

            let wrong = swarmlab_share::Password::new("wrong".to_owned()).unwrap();
            let told = match Archive::open(&sample.archive(), Some(&wrong)) {
                Err(error) => error.to_string(),
                Ok(archive) => {
                    let error =
                        archive.unpack(&sample.path("wrong"), &UnpackOptions::default(), &mut go_on).unwrap_err();
                    error.to_string()
                }
            };
            assert!(told.starts_with("wrong password"), "{level} {names}: {told}");
            assert!(!sample.path("wrong").exists());
        }
    }
}

#[test]
fn we_open_other_methods_of_seven_zip_and_refuse_the_rest_by_name() {
    for (method, refused) in [
        ("-m0=LZMA", None),
        ("-m0=PPMd", None),
        ("-m0=BZip2", None),
        ("-m0=Delta", None),
        ("-m0=Deflate", Some("DEFLATE")),
        ("-m0=Deflate64", Some("DEFLATE64")),
    ] {
        let sample = Sample::new();
        let args = ["a", method, "-mhe=on", "-p", "holiday.7z", "holiday"];
        let Some(made) = needs(seven_zip(&sample.path("."), &twice(), args)) else { return };
        assert!(made.status.success(), "{}", said(&made));
        let opened = Archive::open(&sample.archive(), Some(&password()));
        match (opened, refused) {
            (Ok(archive), None) => {
                archive.unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap();
                assert_eq!(tree(&sample.path("out/holiday")), tree(&sample.folder()), "{method}");
            }
            (Err(OpenError::Method(MethodError::Unknown(name))), Some(refused)) => assert_eq!(name, refused),
            (opened, _) => panic!("{method}: {opened:?}"),
        }
    }
}

#[test]
fn programs_go_through_the_filters_of_seven_zip_and_come_back() {
    let sample = Sample::empty();
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    sample.add("program.exe", &program[..program.len().min(1 << 20)]);
    for method in ["-mf=BCJ", "-mf=BCJ2"] {
        let _none_yet = fs::remove_file(sample.archive());
        let args = ["a", "-mx=1", method, "-mhe=on", "-p", "holiday.7z", "holiday"];
        let Some(made) = needs(seven_zip(&sample.path("."), &twice(), args)) else { return };
        assert!(made.status.success(), "{}", said(&made));
        let replace = UnpackOptions { replace: true, ..UnpackOptions::default() };
        sample.open().unpack(&sample.path("out"), &replace, &mut go_on).unwrap();
        let same = fs::read(sample.path("out/holiday/program.exe")).unwrap()
            == fs::read(sample.folder().join("program.exe")).unwrap();
        assert!(same, "{method}");
    }
}

#[test]
fn volumes_are_refused_by_name() {
    let sample = Sample::new();
    let args = ["a", "-mx=0", "-v100k", "-mhe=on", "-p", "holiday.7z", "holiday"];
    let Some(made) = needs(seven_zip(&sample.path("."), &twice(), args)) else { return };
    assert!(made.status.success(), "{}", said(&made));
    let volumes: Vec<String> = sample.around().into_iter().filter(|name| name.contains(".7z.")).collect();
    assert!(volumes.len() > 1);
    for volume in volumes {
        let error = Archive::open(&sample.path(&volume), Some(&password())).unwrap_err();
        assert!(matches!(error, OpenError::Envelope(EnvelopeError::Volume)), "{volume}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_seven_zip_packed_is_not_made() {
    let sample = Sample::new();
    std::os::unix::fs::symlink("/etc/passwd", sample.folder().join("link")).unwrap();
    let args = ["a", "-snl", "-mhe=on", "-p", "holiday.7z", "holiday"];
    let Some(made) = needs(seven_zip(&sample.path("."), &twice(), args)) else { return };
    assert!(made.status.success(), "{}", said(&made));
    let unpacked = sample.open().unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap();
    assert_eq!(unpacked.skipped.len(), 1, "{:?}", unpacked.skipped);
    assert!(!sample.path("out/holiday/link").is_symlink() && !sample.path("out/holiday/link").exists());
}

/// Debian's py7zr of 2020 takes characters beyond 16 bits for damage.
fn without_emoji() -> Sample {
    let sample = Sample::new();
    fs::remove_file(sample.folder().join("🦆 duck.txt")).unwrap();
    sample
}

#[test]
fn py7zr_unpacks_ours() {
    let sample = without_emoji();
    sample.pack(&PackOptions::default());
    let script = "
import py7zr, sys
with py7zr.SevenZipFile('holiday.7z', password=sys.stdin.read()) as archive:
    archive.extractall('theirs')
";
    let Some(unpacked) = needs(py7zr(&sample.path("."), script)) else { return };
    assert!(unpacked.status.success(), "{}", said(&unpacked));
    let contents = |folder| tree(folder).into_iter().map(|(path, kept)| (path, kept.content)).collect::<Vec<_>>();
    assert_eq!(contents(&sample.path("theirs/holiday")), contents(&sample.folder()));
}

#[test]
fn we_unpack_what_py7zr_packs() {
    for names_hidden in ["True", "False"] {
        let sample = without_emoji();
        let script = format!(
            "
import py7zr, sys
filters = [{{'id': py7zr.FILTER_LZMA2, 'preset': 1}}, {{'id': py7zr.FILTER_CRYPTO_AES256_SHA256}}]
with py7zr.SevenZipFile('holiday.7z', 'w', password=sys.stdin.read(), filters=filters,
                        header_encryption={names_hidden}) as archive:
    archive.writeall('holiday')
"
        );
        let Some(made) = needs(py7zr(&sample.path("."), &script)) else { return };
        assert!(made.status.success(), "{}", said(&made));
        sample.open().unpack(&sample.path("out"), &UnpackOptions::default(), &mut go_on).unwrap();
        let contents = |folder| tree(folder).into_iter().map(|(path, kept)| (path, kept.content)).collect::<Vec<_>>();
        assert_eq!(contents(&sample.path("out/holiday")), contents(&sample.folder()));
    }
}
