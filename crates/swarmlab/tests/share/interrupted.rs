//! Ctrl-C and kill -9, in each phase.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::desk::{Desk, LOCAL, Program, RECEIVE, code, said};

/// Takes seconds to compress, so that there is a middle.
fn desk_to_compress() -> Desk {
    let desk = Desk::new(100_000);
    let line = (0..2_000_000u32).map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761))).collect::<String>();
    fs::write(desk.path("holiday/numbers.txt"), line).unwrap();
    desk
}

fn packing(desk: &Desk, more: &[&str]) -> Program {
    let given = ["share", "holiday", "--name", "h", "--level", "9", "--password-out", "pw", "--listen", "127.0.0.1:0"];
    let mut share = desk.start(&[&given[..], &["--json"], more].concat());
    share.until("share", "found");
    // The file for the password is made right before the work begins.
    while !desk.path("h.7z.swarmlab-part/content").exists() {
        std::thread::yield_now();
    }
    share
}

#[test]
fn ctrl_c_while_packing_leaves_nothing_behind() {
    let desk = desk_to_compress();
    let mut share = packing(&desk, &[]);
    share.signal("INT");
    assert_eq!(share.end(), 130, "{}", share.last());
    assert!(share.told.iter().any(|line| line.contains("nothing is left behind")), "{}", share.last());
    assert_eq!(desk.names(""), ["holiday", "secret"]);
}

#[test]
fn what_kill_9_while_packing_left_is_named_by_the_next_call_and_taken_away_when_asked() {
    let desk = desk_to_compress();
    let mut share = packing(&desk, &[]);
    share.signal("KILL");
    share.end();
    fs::remove_file(desk.path("holiday/numbers.txt")).unwrap();
    let next = desk.run(&["share", "holiday", "--name", "h", "--password-file", "secret", "--for", "0 s"]);
    assert_eq!(code(&next), 2);
    assert!(said(&next).contains("h.7z.swarmlab-part") && said(&next).contains("--force"), "{}", said(&next));
    let next = desk.run(&["share", "holiday", "--name", "h", "--password-file", "secret", "--for", "0 s", "--force"]);
    assert_eq!(code(&next), 0, "{}", said(&next));
    assert_eq!(desk.names(""), ["h.7z", "h.7z.share", "h.7z.torrent", "holiday", "pw", "secret"]);
}

#[test]
fn ctrl_c_while_nobody_is_served_ends_at_once_and_says_how_to_go_on() {
    let desk = Desk::new(10_000);
    let share = ["share", "holiday", "--name", "h", "--password-file", "secret", "--to", "1"];
    let mut share = Program::start(desk.command(&share));
    share.until_line("Send the password");
    share.signal("INT");
    assert_eq!(share.end(), 130, "it had a goal: {}", share.last());
    assert!(share.last().contains("swarmlab share h.7z.torrent"), "{}", share.last());
    let mut share = Program::start(desk.command(&["share", "h.7z.torrent"]));
    share.until_line("Send the password");
    share.signal("TERM");
    assert_eq!(share.end(), 0, "without a goal that is how it ends: {}", share.last());
}

/// A share that gives slowly, and a recipient that has a part of it.
fn in_the_middle(desk: &Desk) -> (Program, Program) {
    let mut share = desk.share(&["--to", "2", "--up", "250 kB/s"]);
    let mut receive = desk.start(&[&RECEIVE[..], &["-o", "in", "--seed-for", "0 s", "--json"]].concat());
    receive.until_that("some pieces", |line| line["ev"] == "piece-verified" && line["have"].as_u64() >= Some(3));
    share.until_that("some progress", |line| line["ev"] == "peer-progress" && line["have"].as_u64() >= Some(3));
    (share, receive)
}

#[test]
fn ctrl_c_finishes_who_is_in_the_middle_and_tells_who_lacks_it() {
    let desk = Desk::new(900_000);
    let (mut share, mut receive) = in_the_middle(&desk);
    share.signal("INT");
    assert_eq!(receive.end(), 0, "{}", receive.last());
    desk.assert_same("in/holiday");
    assert_eq!(share.end(), 130, "{}", share.last());
    let end = share.verdict();
    assert_eq!((&end["why"], &end["complete"], &end["cut-off"]), (&"asked".into(), &1.into(), &0.into()));
}

#[test]
fn a_second_ctrl_c_cuts_off_and_a_later_share_goes_on_from_there() {
    let desk = Desk::new(900_000);
    let (mut share, mut receive) = in_the_middle(&desk);
    share.signal("INT");
    // Signals of one kind that come too close together are one.
    share.until("share", "finishing");
    share.signal("INT");
    assert_eq!(share.end(), 130, "{}", share.last());
    assert_eq!(share.verdict()["cut-off"], 1);

    let given = ["share", "h.7z.torrent", "--to", "1", "--with-tracker=127.0.0.1:0"];
    let mut again = desk.start(&[&given[..], &LOCAL].concat());
    let address = again.until("share", "ready")["address"].as_str().unwrap().to_owned();
    // The recipient was told of another tracker; so it is called, as a user would call it.
    receive.signal("INT");
    assert_eq!(receive.end(), 130, "{}", receive.last());
    let resumed = desk.receive("in", &["--peer", &address]);
    assert_eq!(code(&resumed), 0, "{}", said(&resumed));
    assert_eq!(again.end(), 0, "{}", again.last());
    desk.assert_same("in/holiday");
}

#[test]
fn a_download_that_was_stopped_or_killed_goes_on_where_it_was() {
    for (signal, exit) in [("INT", 130), ("KILL", -1)] {
        let desk = Desk::new(900_000);
        let (_share, mut receive) = in_the_middle(&desk);
        receive.signal(signal);
        assert_eq!(receive.end(), exit, "{}", receive.last());
        if signal == "INT" {
            assert!(receive.last().contains("goes on from there"), "{}", receive.last());
        }
        assert_eq!(desk.names("in"), ["h.7z", "h.7z.swarmlab-fetch"]);
        let mut resumed = desk.start(&[&RECEIVE[..], &["-o", "in", "--seed-for", "0 s", "--json"]].concat());
        let checked: Value = resumed.until("ev", "checked");
        assert!(checked["have"].as_u64() >= Some(2), "{signal}: {checked}");
        assert_eq!(resumed.end(), 0, "{}", resumed.last());
        assert_eq!(desk.names("in"), ["h.7z", "holiday"]);
        desk.assert_same("in/holiday");
    }
}

#[test]
fn a_full_disk_is_said_in_each_phase_and_nothing_half_stays() {
    let desk = Desk::new(900_000);
    let Some(full) = SmallDisk::of(&desk) else { return };
    let packed = full.run("700k", "share holiday -o disk --name h --password-file secret --for '0 s'");
    assert!(packed.contains("rc 2") && packed.contains("disk has"), "what will not fit is known before: {packed}");
    assert!(packed.contains("left: ."), "{packed}");

    // What compresses is not known before: here it does not compress enough.
    let text: String = (0..300_000u32).map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761))).collect();
    fs::write(desk.path("holiday/numbers.txt"), text).unwrap();
    let packed = full.run("1200k", "share holiday -o disk --name h --password-file secret --for '0 s'");
    assert!(packed.contains("rc 2") && packed.to_lowercase().contains("no space"), "{packed}");
    assert!(packed.contains("left: ."), "{packed}");

    fs::remove_file(desk.path("holiday/numbers.txt")).unwrap();
    let mut share = desk.share(&["--for", "0 s"]);
    assert_eq!(share.end(), 0, "{}", share.last());
    let fetched = full.run("500k", "receive h.7z.torrent -o disk --yes --password-file secret --seed-for '0 s'");
    assert!(fetched.contains("rc 2") && fetched.contains("disk has"), "{fetched}");
    let before = "cp h.7z disk/ && ";
    let unpacked =
        full.run_after(before, "1300k", "receive h.7z.torrent -o disk --yes --password-file secret --seed-for '0 s'");
    assert!(unpacked.contains("rc 2") && unpacked.contains("disk has") && unpacked.contains("stays"), "{unpacked}");
    assert!(unpacked.contains("left: h.7z ."), "{unpacked}");
}

/// Runs a call with a file system of its own at `disk`, so small that it is soon full.
struct SmallDisk<'a> {
    desk: &'a Desk,
}

impl<'a> SmallDisk<'a> {
    fn of(desk: &'a Desk) -> Option<Self> {
        fs::create_dir(desk.path("disk")).unwrap();
        let tried = Command::new("unshare").args(["--mount", "sh", "-c", "mount -t tmpfs none /mnt"]).output();
        if tried.is_ok_and(|output| output.status.success()) {
            return Some(Self { desk });
        }
        eprintln!("skipped: needs root (Linux, to mount a small disk)");
        None
    }

    fn run(&self, size: &str, args: &str) -> String {
        self.run_after("", size, args)
    }

    /// What it said, its exit code, and what was left on the small disk.
    fn run_after(&self, before: &str, size: &str, args: &str) -> String {
        let program = env!("CARGO_BIN_EXE_swarmlab");
        let script = format!(
            "mount -t tmpfs -o size={size} none disk && {before}{program} {args} 2>&1; echo rc $?; echo left: $(ls disk) ."
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .current_dir(self.desk.path(""))
            .output()
            .unwrap();
        said(&output)
    }
}
