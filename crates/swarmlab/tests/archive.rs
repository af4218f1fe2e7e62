//! `swarmlab archive` as its users meet it: called, asked, interrupted, killed.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[test]
fn every_verb_explains_itself_with_an_example() {
    let desk = Desk::new();
    for verb in
        [&["archive"][..], &["archive", "create"], &["archive", "list"], &["archive", "extract"], &["archive", "test"]]
    {
        let output = desk.command(&[verb, &["--help"]].concat()).output().unwrap();
        let text = stdout(&output);
        assert!(output.status.success() && text.contains("Examples:\n  swarmlab archive "), "{verb:?}: {text}");
        assert!(!text.contains("--password "), "a password has no place among the arguments: {text}");
    }
}

#[test]
fn an_archive_is_made_listed_tested_and_unpacked() {
    let desk = Desk::new();
    let made = desk.archive(&["create", "holiday", "--name", "h", "--password-file", "secret"]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(stdout(&made).starts_with("h.7z\n") && !stdout(&made).contains("hidden tide"), "{}", stdout(&made));

    let listed = desk.archive(&["list", "h.7z", "--password-file", "secret", "--json"]);
    let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&list["names-hidden"], &list["key-rounds"]), (&Value::Bool(true), &Value::from(524_288)));
    let names: Vec<&str> =
        list["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["holiday", "holiday/beach.txt"]);

    assert_eq!(code(&desk.archive(&["test", "h.7z", "--password-file", "secret"])), 0);
    let unpacked = desk.archive(&["extract", "h.7z", "-o", "out", "--password-file", "secret"]);
    assert_eq!(code(&unpacked), 0, "{}", stderr(&unpacked));
    assert_eq!(fs::read_to_string(desk.path("out/holiday/beach.txt")).unwrap(), "sand");
    let again = desk.archive(&["extract", "h.7z", "-o", "out", "--password-file", "secret"]);
    assert_eq!(code(&again), 2);
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
}

#[test]
fn a_password_by_lot_is_shown_alone_on_its_line_and_opens_the_archive() {
    let desk = Desk::new();
    let made = desk.archive(&["create", "holiday", "-o", "h.7z"]);
    let text = stdout(&made);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("    ")).collect();
    let [line] = lines[..] else { panic!("{text}") };
    assert!(line.trim().split('-').count() >= 6, "{line}");
    assert!(text.contains("another, end-to-end encrypted channel"), "{text}");
    let tested = desk.command(&["archive", "test", "h.7z"]).env("SWARMLAB_PASSWORD", line.trim()).output().unwrap();
    assert_eq!(code(&tested), 0, "{}", stderr(&tested));

    // Programs get it on a channel of its own, so that it does not end in what they log.
    let made = desk.archive(&["create", "holiday", "-o", "r.7z", "--random", "--json"]);
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    let password = stderr(&made).trim().to_owned();
    assert_eq!(password.len(), 24);
    assert!(!told.to_string().contains(&password), "{told}");
    let tested = desk.command(&["archive", "test", "r.7z"]).env("SWARMLAB_PASSWORD", &password).output().unwrap();
    assert_eq!(code(&tested), 0, "{}", stderr(&tested));
}

#[test]
fn a_password_from_the_environment_is_said_to_come_from_there() {
    let desk = Desk::new();
    let mut create = desk.command(&["archive", "create", "holiday", "-o", "h.7z"]);
    let made = create.env("SWARMLAB_PASSWORD", "hidden tide").output().unwrap();
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(stderr(&made).contains("the one in SWARMLAB_PASSWORD"), "{}", stderr(&made));
    assert!(!stderr(&made).contains("hidden tide"));
}

#[test]
fn without_a_name_three_words_become_one() {
    let desk = Desk::new();
    let made = desk.archive(&["create", "holiday"]);
    let name = stdout(&made).lines().next().unwrap().to_owned();
    assert!(name.ends_with(".7z") && name.split('-').count() >= 3, "{name}");
    assert!(desk.path(&name).exists());
}

#[test]
fn a_wrong_password_is_a_wrong_call_and_damage_is_a_failed_check() {
    let desk = Desk::new();
    desk.archive(&["create", "holiday", "-o", "h.7z", "--password-file", "secret"]);
    let wrong = desk.command(&["archive", "test", "h.7z"]).env("SWARMLAB_PASSWORD", "wrong").output().unwrap();
    assert_eq!(code(&wrong), 2);
    assert!(stderr(&wrong).contains("wrong password"), "{}", stderr(&wrong));
    assert!(!stderr(&wrong).contains("hidden tide"));

    let mut bytes = fs::read(desk.path("h.7z")).unwrap();
    bytes[40] ^= 1;
    fs::write(desk.path("h.7z"), &bytes).unwrap();
    let damaged = desk.archive(&["test", "h.7z", "--password-file", "secret"]);
    assert_eq!(code(&damaged), 1, "{}", stderr(&damaged));
    fs::write(desk.path("h.7z"), &bytes[..100]).unwrap();
    let cut = desk.archive(&["test", "h.7z", "--password-file", "secret"]);
    assert_eq!(code(&cut), 1);
    assert!(stderr(&cut).contains("cut off: 100 of at least"), "{}", stderr(&cut));
}

#[test]
fn who_cannot_be_asked_is_told_the_other_ways() {
    let desk = Desk::new();
    desk.archive(&["create", "holiday", "-o", "h.7z", "--password-file", "secret"]);
    // Without a terminal of its own it cannot ask; in one, the test would wait for its user.
    let mut command = Command::new("setsid");
    command.args([env!("CARGO_BIN_EXE_swarmlab"), "archive", "list", "h.7z"]).current_dir(desk.dir.path());
    let output = match command.stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("not tried: there is no setsid here to take the terminal away");
            return;
        }
        output => output.unwrap(),
    };
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--password-file"), "{}", stderr(&output));
}

#[cfg(unix)]
mod interrupted {
    use std::process::Child;
    use std::time::{Duration, Instant};

    use super::*;

    /// Packing two gigabytes of nothing, which takes seconds and no space to speak of to begin.
    fn packing(desk: &Desk) -> Child {
        File::create(desk.path("holiday/large")).unwrap().set_len(2 << 30).unwrap();
        let mut command = desk.command(&["archive", "create", "holiday", "-o", "h.7z", "--level", "0", "--json"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !fs::metadata(desk.path("h.7z.swarmlab-part/content")).is_ok_and(|part| part.len() > 1 << 20) {
            assert!(Instant::now() < deadline, "nothing is written");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    /// The program with no file above a megabyte allowed: to it, a disk that is full halfway.
    fn on_a_small_disk(desk: &Desk, args: &str) -> Output {
        let program = env!("CARGO_BIN_EXE_swarmlab");
        let script = format!("trap '' XFSZ; ulimit -f 2048; exec {program} archive {args} --password-file secret");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(desk.dir.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    #[test]
    fn a_disk_that_is_full_halfway_is_said_and_nothing_is_left() {
        let desk = Desk::new();
        File::create(desk.path("holiday/large")).unwrap().set_len(3 << 20).unwrap();
        let packed = on_a_small_disk(&desk, "create holiday -o h.7z --level 0");
        assert_eq!(code(&packed), 2);
        let said = stderr(&packed);
        assert!(said.contains("write h.7z: File too large"), "{said}");
        assert_eq!(said.matches("too large").count(), 1, "a cause is said once: {said}");
        assert_eq!(desk.names(), ["holiday", "secret"]);

        assert_eq!(code(&desk.archive(&["create", "holiday", "-o", "h.7z", "--password-file", "secret"])), 0);
        let unpacked = on_a_small_disk(&desk, "extract h.7z -o out");
        assert_eq!(code(&unpacked), 2);
        assert!(stderr(&unpacked).contains("large: File too large"), "{}", stderr(&unpacked));
        assert_eq!(fs::read_dir(desk.path("out")).unwrap().count(), 0);
    }

    #[test]
    fn ctrl_c_takes_the_unfinished_archive_away() {
        let desk = Desk::new();
        let mut child = packing(&desk);
        let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(desk.names(), ["holiday", "secret"]);
    }

    #[test]
    fn what_a_kill_leaves_behind_is_said_by_the_next_try() {
        let desk = Desk::new();
        let mut child = packing(&desk);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(desk.names(), ["h.7z.swarmlab-part", "holiday", "secret"]);
        fs::remove_file(desk.path("holiday/large")).unwrap();
        let next = desk.archive(&["create", "holiday", "-o", "h.7z", "--password-file", "secret"]);
        assert_eq!(code(&next), 2);
        assert!(stderr(&next).contains("h.7z.swarmlab-part is there: an earlier try"), "{}", stderr(&next));
        let forced = desk.archive(&["create", "holiday", "-o", "h.7z", "--password-file", "secret", "--force"]);
        assert_eq!(code(&forced), 0, "{}", stderr(&forced));
        assert_eq!(desk.names(), ["h.7z", "holiday", "secret"]);
    }
}

/// A folder to work in, with something to share and a password in a file.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.path("holiday")).unwrap();
        fs::write(desk.path("holiday/beach.txt"), "sand").unwrap();
        fs::write(desk.path("secret"), "hidden tide\n").unwrap();
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarmlab"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null()).env_remove("SWARMLAB_PASSWORD");
        command
    }

    fn archive(&self, args: &[&str]) -> Output {
        self.command(&[&["archive"], args].concat()).output().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(self.dir.path()).unwrap().map(name).collect();
        names.sort();
        names
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
