//! Small logs, and who learned what from them.

use super::*;

/// A leecher fetches two pieces from a seed; no tracker.
fn fetch(cipher: &str, clear_handshakes: &str) -> String {
    let encrypted = cipher != "plaintext";
    let keys = if encrypted { r#"alice key-sent {"conn":1,"remote":"seed","padding":7}"# } else { "" };
    format!(
        r#"
seed joined {{"info_hash":"{HASH}","name":"holiday","private":false}}
seed checked {{"have":2,"pieces":2,"bytes":64}}
alice dialled {{"conn":1,"remote":"seed","attempt":1}}
alice connected {{"conn":1,"remote":"seed","direction":"out"}}
{keys}
{clear_handshakes}
alice handshake-received {{"conn":1,"remote":"seed","info_hash":"{HASH}","peer_id":"{PEER}","client":"x","reserved":[]}}
alice cipher-settled {{"conn":1,"remote":"seed","cipher":"{cipher}"}}
alice bitfield-received {{"conn":1,"remote":"seed","have":2,"pieces":2}}
alice piece-verified {{"piece":0,"from":[{{"remote":"seed","bytes":32}}],"have":1,"pieces":2}}
alice piece-verified {{"piece":1,"from":[{{"remote":"seed","bytes":32}}],"have":2,"pieces":2}}
alice complete {{"bytes":64,"downloaded":64,"uploaded":0}}"#
    )
}

#[test]
fn a_provider_reads_all_of_a_plaintext_swarm() {
    let log = fetch("plaintext", r#"alice plaintext-handshake {"conn":1,"remote":"seed","direction":"in"}"#);
    let row = row(&log, Observer::Isp);
    assert_eq!(row, "addresses yes, info-hash yes, names no, clients yes, sizes partly, content yes");
}

#[test]
fn encryption_hides_from_the_provider_what_is_said_and_not_who_speaks() {
    let log = fetch("rc4", "");
    let row = row(&log, Observer::Isp);
    assert_eq!(row, "addresses yes, info-hash no, names no, clients no, sizes partly, content no");
}

#[test]
fn header_only_encryption_shows_a_handshake_and_every_piece() {
    let clear = r#"alice plaintext-handshake {"conn":1,"remote":"seed","direction":"in"}"#;
    let row = row(&fetch("plaintext-after-handshake", clear), Observer::Isp);
    assert_eq!(row, "addresses yes, info-hash yes, names no, clients yes, sizes partly, content yes");
}

#[test]
fn an_announce_tells_the_provider_what_encryption_hid() {
    let log = format!("{}\n{ANNOUNCE}", fetch("rc4", ""));
    let learned = read(&log).learned(Observer::Isp, Item::InfoHash);
    assert_eq!((learned.degree, &learned.evidence[..]), (Degree::Yes, &[12][..]), "{learned:?}");
    assert!(learned.how.contains("announces cross in the clear"), "{learned:?}");
    assert_eq!(read(&log).learned(Observer::Isp, Item::Clients).degree, Degree::Yes);
    assert_eq!(read(&log).learned(Observer::Isp, Item::Content).degree, Degree::No);
}

#[test]
fn an_announce_inside_tls_tells_the_tracker_alone() {
    let answered =
        r#"alice announce-answered {"tracker":"https://a/announce","interval":30,"seeders":0,"leechers":1,"peers":0}"#;
    let observers = read(answered);
    assert_eq!(observers.learned(Observer::Tracker, Item::InfoHash).degree, Degree::Yes);
    assert_eq!(observers.learned(Observer::Isp, Item::InfoHash).degree, Degree::No);
}

#[test]
fn a_tracker_learns_who_and_which_but_no_name_and_no_byte() {
    let row = row(&format!("{}\n{ANNOUNCE}", fetch("plaintext", "")), Observer::Tracker);
    assert_eq!(row, "addresses yes, info-hash yes, names no, clients yes, sizes partly, content no");
}

#[test]
fn members_learn_everything_and_outsiders_nothing_however_it_is_encrypted() {
    for cipher in ["plaintext", "rc4"] {
        let log = fetch(cipher, "");
        let all = "addresses yes, info-hash yes, names yes, clients yes, sizes yes, content yes";
        assert_eq!(row(&log, Observer::Member), all);
        assert_eq!(row(&log, Observer::Outsider), all.replace("yes", "no"));
    }
}

#[test]
fn the_info_dictionary_in_the_clear_gives_the_names_away() {
    let names = |ciphers: [&str; 2]| {
        let [one, two] = ciphers;
        read(&format!(
            r#"
alice cipher-settled {{"conn":1,"remote":"seed","cipher":"{one}"}}
alice cipher-settled {{"conn":2,"remote":"bob","cipher":"{two}"}}
alice metadata-requested {{"conn":1,"remote":"seed","part":0}}
alice metadata-requested {{"conn":2,"remote":"bob","part":1}}
alice metadata-complete {{"bytes":20000,"name":"holiday"}}"#
        ))
        .learned(Observer::Isp, Item::Names)
    };
    assert_eq!(names(["plaintext", "plaintext-after-handshake"]).degree, Degree::Yes);
    assert_eq!(names(["rc4", "plaintext"]).degree, Degree::Partly);
    assert_eq!(names(["rc4", "rc4"]).degree, Degree::No);
    assert_eq!(names(["plaintext", "plaintext"]).evidence, [5]);
}

#[test]
fn pieces_that_crossed_encrypted_are_missing_to_the_provider() {
    let log = fetch("rc4", "")
        + r#"
bob cipher-settled {"conn":4,"remote":"alice","cipher":"plaintext"}
bob piece-verified {"piece":1,"from":[{"remote":"alice","bytes":32}],"have":1,"pieces":2}"#;
    let learned = read(&log).learned(Observer::Isp, Item::Content);
    assert_eq!((learned.degree, learned.how.as_str()), (Degree::Partly, "1 of 2 pieces crossed in the clear"));
    assert_eq!(learned.evidence, [13]);
}

#[test]
fn a_program_that_tells_of_no_encryption_has_none() {
    let log = r#"
stock-1 connected {"conn":1,"remote":"stock-2","direction":"out"}
stock-1 exchanged {"remote":"stock-2","sent":0,"received":100}"#;
    assert_eq!(read(log).learned(Observer::Isp, Item::Content).degree, Degree::Partly);
}

#[test]
fn a_connection_that_came_to_nothing_shows_addresses_only() {
    let log = r#"
alice connected {"conn":1,"remote":"seed","direction":"out"}
alice key-sent {"conn":1,"remote":"seed","padding":12}
alice encryption-failed {"conn":1,"remote":"seed","why":"they closed"}
alice closed {"conn":1,"remote":"seed","by":"them","why":"they closed"}"#;
    let row = row(log, Observer::Isp);
    assert_eq!(row, "addresses yes, info-hash no, names no, clients no, sizes no, content no");
}

#[test]
fn what_was_learned_stays_learned() {
    let log = format!("{}\n{ANNOUNCE}", fetch("plaintext", ""));
    let mut observers = Observers::default();
    let mut before = [[Degree::No; 6]; 4];
    for (line, record) in records(&log) {
        observers.apply(line, &record);
        for (observer, row) in Observer::ALL.into_iter().zip(&mut before) {
            for (item, before) in Item::ALL.into_iter().zip(row) {
                let learned = observers.learned(observer, item);
                assert!(learned.degree >= *before, "line {line}: {learned:?}");
                assert_eq!(learned.degree == Degree::No, learned.evidence.is_empty(), "{learned:?}");
                assert!(!learned.how.is_empty() && learned.evidence.iter().all(|seen| *seen <= line));
                *before = learned.degree;
            }
        }
    }
}

fn row(log: &str, observer: Observer) -> String {
    let observers = read(log);
    let cell = |item: Item| format!("{} {}", item.name(), observers.learned(observer, item).degree.name());
    Item::ALL.map(cell).join(", ")
}

fn read(log: &str) -> Observers {
    let mut observers = Observers::default();
    for (line, record) in records(log) {
        observers.apply(line, &record);
    }
    observers
}

/// Lines of `peer kind {fields}`.
fn records(log: &str) -> Vec<(u64, Record)> {
    let lines = log.lines().filter(|line| !line.is_empty());
    let records = lines.map(|line| {
        let mut words = line.splitn(3, ' ');
        let (peer, kind, fields) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let line = format!(r#"{{"t":0,"peer":"{peer}","ev":"{kind}",{}"#, &fields[1..]);
        line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))
    });
    (1..).zip(records).collect()
}

const HASH: &str = "57434994131594ef69451ee2bc2523a66fcf4b86";
const PEER: &str = "2d534c303130302d613564733246376345445a4d";
const ANNOUNCE: &str = r#"tracker tracker-announced {"remote":"alice","info_hash":"57434994131594ef69451ee2bc2523a66fcf4b86","peer_id":"2d534c303130302d613564733246376345445a4d","event":"started","port":1,"left":64,"downloaded":0,"uploaded":0,"returned":0,"seeders":0,"leechers":1}"#;
