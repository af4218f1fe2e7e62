//! The ordinary way: a folder, a password, friends.

use std::fs;

use crate::desk::{Desk, LOCAL, RECEIVE, SECRET, code, said, stands_somewhere};

#[test]
fn two_friends_get_the_folder_and_the_sharer_stops_by_itself() {
    let desk = Desk::new(1_500_000);
    let mut share = desk.share(&["--to", "2"]);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| desk.receive("one", &["--json"]));
        let other = scope.spawn(|| desk.receive("other", &[]));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!((code(&one), code(&other)), (0, 0), "{}\n{}", said(&one), said(&other));
    assert_eq!(share.end(), 0, "{}", share.last());
    let end = share.verdict();
    assert_eq!((&end["why"], &end["complete"], &end["cut-off"]), (&"delivered".into(), &2.into(), &0.into()));
    desk.assert_same("one/holiday");
    desk.assert_same("other/holiday");
    assert_eq!(desk.names("one"), ["h.7z", "holiday"], "nothing else is left");

    // The password is nowhere but where its user put it.
    let told = share.told.join("\n") + &said(&one) + &said(&other);
    assert!(!told.contains(SECRET), "told");
    fs::remove_file(desk.path("secret")).unwrap();
    assert_eq!(stands_somewhere(&desk.path(""), SECRET), None);
}

#[test]
fn a_magnet_link_is_enough_and_needs_no_tracker() {
    let desk = Desk::new(300_000);
    let given = ["share", "holiday", "--password-file", "secret", "--to", "1"];
    let mut share = desk.start(&[&given[..], &LOCAL].concat());
    let ready = share.until("share", "ready");
    assert_eq!(ready["announce"], serde_json::json!([]));
    let words = ready["content"].as_str().unwrap().strip_suffix(".7z").unwrap().split('-').count();
    assert!(words >= 3, "three words are the name: {ready}");
    let magnet = ready["magnet"].as_str().unwrap();
    let args = ["receive", magnet, "--yes", "--password-file", "secret", "--listen", "127.0.0.1:0"];
    let received = desk.run(&[&args[..], &["-o", "in", "--seed-for", "0 s"]].concat());
    assert_eq!(code(&received), 0, "{}", said(&received));
    assert_eq!(share.end(), 0, "{}", share.last());
    desk.assert_same("in/holiday");
}

#[test]
fn a_sharer_can_dial_a_recipient_and_a_recipient_the_sharer() {
    let desk = Desk::new(300_000);
    let given = ["share", "holiday", "--name", "h", "--password-file", "secret", "--to", "1"];
    let mut share = desk.start(&[&given[..], &LOCAL].concat());
    let address = share.until("share", "ready")["address"].as_str().unwrap().to_owned();
    let received = desk.receive("in", &["--peer", &address]);
    assert_eq!(code(&received), 0, "{}", said(&received));
    assert_eq!(share.end(), 0, "{}", share.last());

    let mut waits = desk.start(&[&RECEIVE[..], &["-o", "two", "--seed-for", "0 s", "--json"]].concat());
    let listens = waits.until("ev", "started")["listen"].as_str().unwrap().to_owned();
    let again = ["share", "h.7z.torrent", "--to", "1", "--peer", &listens];
    let mut share = desk.start(&[&again[..], &LOCAL].concat());
    assert_eq!((share.end(), waits.end()), (0, 0), "{}\n{}", share.last(), waits.last());
    desk.assert_same("two/holiday");
}

#[test]
fn a_plain_share_needs_no_password_and_says_what_that_means() {
    let desk = Desk::new(300_000);
    let mut share = desk.start(&["share", "holiday", "--plain", "--to", "1", "--listen", "127.0.0.1:0", "--json"]);
    let ready = share.until("share", "ready");
    assert!(share.told.iter().any(|line| line.contains("nothing is encrypted")), "{}", share.last());
    let args = ["receive", "holiday.torrent", "-o", "in", "--yes", "--listen", "127.0.0.1:0", "--seed-for", "0 s"];
    let received = desk.run(&[&args[..], &["--peer", ready["address"].as_str().unwrap()]].concat());
    assert_eq!(code(&received), 0, "{}", said(&received));
    assert!(said(&received).contains("not encrypted"), "{}", said(&received));
    assert_eq!(share.end(), 0, "{}", share.last());
    desk.assert_same("in/holiday");
}

#[test]
fn time_that_is_up_before_all_have_it_is_said_with_the_exit_code() {
    let desk = Desk::new(10_000);
    let mut share = desk.share(&["--to", "1", "--for", "500 ms"]);
    assert_eq!(share.end(), 1, "{}", share.last());
    assert_eq!((&share.verdict()["why"], &share.verdict()["complete"]), (&"time".into(), &0.into()));
    // Without a number of recipients the time is all that was wanted.
    let mut share = desk.share(&["--again", "--for", "500 ms"]);
    assert_eq!(share.end(), 0, "{}", share.last());
}

#[test]
fn a_password_by_lot_goes_to_a_file_for_its_user_alone_where_no_screen_is() {
    let desk = Desk::new(10_000);
    let refused = desk.run(&["share", "holiday", "--for", "0 s"]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("--password-out"), "{}", said(&refused));
    assert_eq!(desk.names(""), ["holiday", "secret"], "nothing was packed with a password that nobody knows");

    let args = ["share", "holiday", "--name", "h", "--password-out", "pw", "--for", "0 s", "--listen", "127.0.0.1:0"];
    let shared = desk.run(&args);
    assert_eq!(code(&shared), 0, "{}", said(&shared));
    let password = fs::read_to_string(desk.path("pw")).unwrap();
    assert!(password.trim().split('-').count() >= 6, "{password}");
    assert!(!said(&shared).contains(password.trim()));
    assert!(said(&shared).contains("another, end-to-end encrypted channel"), "{}", said(&shared));
    let tested = desk.run(&["archive", "test", "h.7z", "--password-file", "pw"]);
    assert_eq!(code(&tested), 0, "{}", said(&tested));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(desk.path("pw")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What stands in it may be the only copy of the password of something else.
    let again = desk.run(&["share", "holiday", "--name", "i", "--repack", "--password-out", "pw", "--for", "0 s"]);
    assert_eq!(code(&again), 2, "{}", said(&again));
    assert_eq!(fs::read_to_string(desk.path("pw")).unwrap(), password);
}

#[test]
fn the_code_in_the_terminal_is_of_the_magnet_link_and_not_of_the_password() {
    let desk = Desk::new(10_000);
    let args = ["share", "holiday", "--name", "h", "--password-out", "pw", "--for", "0 s", "--qr"];
    let with = said(&desk.run(&args));
    assert!(with.contains("█▀▀▀") || with.contains("▄▄▄▄▄"), "{with}");
    let without = said(&desk.run(&["share", "h.7z.torrent", "--for", "0 s"]));
    assert!(!without.contains('▄'), "no terminal, no code: {without}");
}

#[test]
fn trackers_that_cannot_work_are_told_before_the_work() {
    let desk = Desk::new(10_000);
    for (tracker, word) in [("http://10.0.0.1/announce", "udp://"), ("udp://203.0.113.9:6969", "--public")] {
        let refused = desk.run(&["share", "holiday", "--password-file", "secret", "--tracker", tracker]);
        assert_eq!(code(&refused), 2);
        assert!(said(&refused).contains(word), "{}", said(&refused));
    }
    assert_eq!(desk.names(""), ["holiday", "secret"]);
}

#[test]
fn twenty_thousand_small_files_arrive() {
    let desk = Desk::new(1000);
    for number in 0..20_000 {
        let folder = desk.path(&format!("holiday/{}", number % 40));
        if number < 40 {
            fs::create_dir(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}.txt")), format!("file {number}")).unwrap();
    }
    let mut share = desk.share(&["--to", "1"]);
    let received = desk.receive("in", &[]);
    assert_eq!(code(&received), 0, "{}", said(&received));
    assert_eq!(share.end(), 0, "{}", share.last());
    for number in [0, 7, 19_999] {
        let file = format!("in/holiday/{}/{number}.txt", number % 40);
        assert_eq!(fs::read_to_string(desk.path(&file)).unwrap(), format!("file {number}"));
    }
    assert!(said(&received).contains("20002 files"), "{}", said(&received));
}

#[test]
fn what_a_friend_sees_before_saying_yes_is_asked_of_somebody() {
    let desk = Desk::new(10_000);
    let mut share = desk.share(&["--for", "0 s"]);
    assert_eq!(share.end(), 0);
    let asked = desk.run(&["receive", "h.7z.torrent", "-o", "in"]);
    assert_eq!(code(&asked), 2);
    for word in ["h.7z", "KiB", "udp://127.0.0.1:", "in/h.7z", "--yes"] {
        assert!(said(&asked).contains(word), "{word}: {}", said(&asked));
    }
    assert!(!desk.path("in").exists(), "nothing was touched");
}

#[test]
fn help_has_examples_and_no_place_for_a_password() {
    let desk = Desk::new(10);
    for verb in ["share", "receive"] {
        let help = said(&desk.run(&[verb, "--help"]));
        assert!(help.contains(&format!("Examples:\n  swarmlab {verb} ")), "{help}");
        assert!(!help.contains("--password "), "{help}");
    }
}
