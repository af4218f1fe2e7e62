//! Events as sentences for people. One place, so that terminal, page and sheet say the same.
//!
//! Not every event has one: what comes by the hundred (a block, a have, a dial) is for the log.
//! [`weight`] says how much a screen should care, so that it can stay readable.

use std::fmt::Display;

use events::{Event, FlowClass, Record, Remote, Source, Strategy, Transport};
use model::ByteCount;

/// How much a screen cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Shown where one program talks about itself, and only the first few times.
    Detail,
    /// Shown the first few times for each peer.
    Turn,
    /// Always shown.
    Milestone,
}

/// What happened, as a sentence without its time and without a full stop. `None` for what only
/// the log wants to know.
pub fn describe(record: &Record) -> Option<String> {
    let me = &record.peer;
    Some(match &record.event {
        Event::Started { listen, client, .. } => format!("{me} is up at {listen} ({client})"),
        Event::Joined { name: Some(name), .. } => format!("{me} joins the swarm of \"{name}\""),
        Event::Joined { info_hash, .. } => format!("{me} joins the swarm of {info_hash}, by magnet link"),
        Event::Checked { have, pieces, bytes } => return checked(me, *have, *pieces, *bytes),
        Event::Complete { bytes, .. } => format!("{me} has the file: {bytes}, every piece verified"),
        Event::CopyOut { pieces } => {
            format!("a full copy is out: all {pieces} pieces are among the others, {me} could go")
        }
        Event::Stopped { why, .. } => format!("{me} stops the torrent: {why}"),
        Event::DiskFailed { doing, why } => format!("{me}: the disk refused to {doing}: {why}"),
        Event::Left { why } => format!("{me} leaves: {why}"),
        Event::Killed { why } => format!("{me} is gone without a goodbye: {why}"),
        Event::Changed { what, to } => format!("{me}: {what} is now {to}"),
        Event::AnnounceAnswered { peers, seeders, leechers, interval, .. } => format!(
            "the tracker tells {me} of {}; it counts {} and {}; next announce in {interval} s",
            count(*peers, "peer"),
            count(*seeders, "seeder"),
            count(*leechers, "leecher"),
        ),
        Event::AnnounceRefused { reason, .. } => format!("the tracker refuses {me}: {reason}"),
        Event::AnnounceFailed { tracker, why, next, .. } => format!("{me} can't reach {tracker}: {why}; {next}"),
        Event::PeerFound { remote, source: Source::Given } => format!("{me} is told of {remote}"),
        Event::PexReceived { remote, added, .. } if *added > 0 => {
            format!("{me} hears of {} from {remote} (peer exchange)", count(*added, "peer"))
        }
        Event::Fenced { remote, doing } => {
            format!("the fence holds: {me} may not {doing} {remote}, which lies outside the lab")
        }
        Event::DialFailed { remote, why, .. } => format!("{me} can't connect to {remote}: {why}"),
        Event::Rejected { remote, why, .. } => format!("{me} turns {remote} away: {why}"),
        Event::Closed { remote, why, .. } => format!("{me} and {remote} part: {why}"),
        Event::HandshakeReceived { remote, client, .. } => format!("{me} meets {remote}, which runs {client}"),
        Event::UnknownMessage { remote, id, bytes, .. } => {
            format!("{remote} sent {me} a message of unknown number {id} ({bytes} bytes)")
        }
        Event::UnknownExtension { remote, id, bytes, .. } => {
            format!("{remote} sent {me} an extension message of unknown number {id} ({bytes} bytes)")
        }
        Event::Unchoked { remote, why, .. } => format!("{me} unchokes {remote}: {why}"),
        Event::Choked { remote, why, .. } => format!("{me} chokes {remote}: {why}"),
        Event::Snubbed { remote, silent, .. } => {
            format!("{me} is snubbed by {remote}: a slot, but no block for {silent} s")
        }
        Event::PiecePicked { piece, remote, availability, strategy, .. } => {
            format!("{me} picks piece {piece} from {remote}: {}", reason(*strategy, *availability))
        }
        Event::EndgameEntered { blocks } => {
            format!("{me} enters the endgame: the last {} are asked of several peers at once", count(*blocks, "block"))
        }
        Event::PieceVerified { piece, from, have: 1, .. } => {
            let from: Vec<&Remote> = from.iter().map(|part| &part.remote).collect();
            format!("{me} has its first piece (number {piece}, from {})", list(&from))
        }
        Event::PieceFailed { piece, suspects } => {
            let who = list(&suspects.iter().collect::<Vec<_>>());
            format!("{me} throws piece {piece} away: its hash is wrong; blocks of it came from {who}")
        }
        Event::MetadataComplete { bytes, name } => format!(
            "{me} has the description of \"{name}\" ({}) from other peers, as its magnet link asked",
            ByteCount(u64::from(*bytes))
        ),
        Event::MetadataFailed { remote: Some(remote), why } => {
            format!("{me} gets no description of the torrent from {remote}: {why}")
        }
        Event::MetadataFailed { why, .. } => format!("{me} gets no description of the torrent: {why}"),
        Event::PeerMisbehaved { remote, why, .. } => format!("{me} closes the connection to {remote}: {why}"),
        Event::PeerBanned { remote, why } => format!("{me} bans {remote}: {why}"),
        Event::NatMapped { protocol, from, to, outside } => {
            let what = if *protocol == Transport::Tcp { "call" } else { "datagrams" };
            format!("{me}: the NAT sends {from}'s {what} to {to} out as {outside}")
        }
        Event::PortForwarded { protocol, inside, outside } => {
            let protocol = if *protocol == Transport::Tcp { "TCP" } else { "UDP" };
            format!("{me}: whoever calls {outside} ({protocol}) reaches {inside}")
        }
        Event::PacketDropped { from, to, packet, why, .. } => {
            format!("{me}: {}, dropped: {why}", carried(from, to, packet))
        }
        Event::PacketRefused { from, to, packet, why, .. } => {
            format!("{me}: {}, turned back with a reset: {why}", carried(from, to, packet))
        }
        Event::FlowInspected { from, to, class, does, .. } => inspected(me, from, to, *class, does),
        Event::TrackerAnnounced { remote, event, left, returned, .. } => announced(remote, event, *left, *returned),
        Event::TrackerRefused { remote, why, .. } => format!("the tracker refuses {remote}: {why}"),
        Event::TrackerExpired { remote, .. } => {
            format!("the tracker forgets {remote}, which did not announce for too long")
        }
        Event::Step { action, who, why, .. } if who.is_empty() => format!("script: {action} ({why})"),
        Event::Step { action, who, why, .. } => {
            format!("script: {action} {} ({why})", list(&who.iter().collect::<Vec<_>>()))
        }
        Event::Note { text } => text.clone(),
        _ => return None,
    })
}

/// How much a screen should care about an event that [`describe`] has a sentence for.
pub fn weight(event: &Event) -> Weight {
    match event {
        // The inspection itself is told.
        Event::PacketDropped { rule, .. } | Event::PacketRefused { rule, .. } if rule == "inspected" => Weight::Detail,
        Event::PacketDropped { .. } | Event::PacketRefused { .. } => Weight::Turn,
        Event::Checked { .. }
        | Event::Complete { .. }
        | Event::CopyOut { .. }
        | Event::Stopped { .. }
        | Event::DiskFailed { .. }
        | Event::Left { .. }
        | Event::Killed { .. }
        | Event::Changed { .. }
        | Event::AnnounceRefused { .. }
        | Event::AnnounceFailed { .. }
        | Event::Fenced { .. }
        | Event::Snubbed { .. }
        | Event::PieceFailed { .. }
        | Event::MetadataComplete { .. }
        | Event::MetadataFailed { .. }
        | Event::PeerMisbehaved { .. }
        | Event::PeerBanned { .. }
        | Event::PortForwarded { .. }
        | Event::Step { .. }
        | Event::Note { .. } => Weight::Milestone,
        Event::Unchoked { .. }
        | Event::PieceVerified { .. }
        | Event::EndgameEntered { .. }
        | Event::TrackerAnnounced { .. }
        | Event::TrackerRefused { .. }
        | Event::NatMapped { .. }
        | Event::FlowInspected { .. }
        | Event::Rejected { .. } => Weight::Turn,
        _ => Weight::Detail,
    }
}

fn carried(from: &Remote, to: &Remote, packet: &str) -> String {
    match packet {
        "open" => format!("{from}'s call to {to}"),
        "datagram" => format!("a datagram from {from} to {to}"),
        "end" => format!("{from}'s goodbye to {to}"),
        _ => format!("what {from} sends to {to}"),
    }
}

fn inspected(me: &str, from: &Remote, to: &Remote, class: FlowClass, does: &str) -> String {
    let does = match does {
        "drop" => "lets it vanish",
        "reset" => "resets it",
        "throttle" => "slows it down",
        other => other,
    };
    format!("{me}: the provider takes {from}'s connection to {to} for {}, and {does}", class.name())
}

fn checked(me: &str, have: u32, pieces: u32, bytes: ByteCount) -> Option<String> {
    match have {
        0 => None,
        _ if have == pieces => Some(format!("{me} has everything: {bytes} on disk, all {pieces} pieces right")),
        _ => Some(format!("{me} goes on from {have} of {pieces} pieces ({bytes}) that are on disk and right")),
    }
}

fn announced(remote: &Remote, event: &str, left: ByteCount, returned: u32) -> String {
    let told = format!("told of {}", count(returned, "peer"));
    match event {
        "started" if left == ByteCount::ZERO => format!("{remote} announces itself to the tracker as a seeder; {told}"),
        "started" => format!("{remote} announces itself to the tracker, {left} to go; {told}"),
        "completed" => format!("{remote} tells the tracker that it is complete; {told}"),
        "stopped" => format!("{remote} says goodbye to the tracker"),
        _ => format!("{remote} announces again, {left} to go; {told}"),
    }
}

fn reason(strategy: Strategy, availability: u32) -> String {
    let have = if availability == 1 { "1 peer has it".to_owned() } else { format!("{availability} peers have it") };
    match strategy {
        Strategy::RandomFirst => "any will do, to have something to trade".to_owned(),
        Strategy::RarestFirst => format!("rarest first, {have}"),
        Strategy::Partial => "begun already, so finish it".to_owned(),
        Strategy::Sequential => "the next in order".to_owned(),
        Strategy::Endgame => "endgame, asked of another peer as well".to_owned(),
    }
}

/// `1 peer`, `2 peers`.
pub fn count(n: u32, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 7 more`.
pub fn list<T: Display>(items: &[T]) -> String {
    let some = |items: &[T]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match items {
        [] => "nobody".to_owned(),
        [one] => one.to_string(),
        [most @ .., last] if items.len() <= LISTED_MAX => format!("{} and {last}", some(most)),
        _ => format!("{} and {} more", some(&items[..LISTED_MAX - 1]), items.len() + 1 - LISTED_MAX),
    }
}

/// Names in a sentence; beyond, nobody reads on.
const LISTED_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use events::{Provenance, UnchokeSlot};
    use model::{Rate, Time};

    use super::*;

    #[test]
    fn a_finisher_is_told_in_one_sentence() {
        let done =
            Event::Complete { bytes: ByteCount(16 << 20), downloaded: ByteCount(16 << 20), uploaded: ByteCount(0) };
        assert_eq!(told(done).unwrap(), "alice has the file: 16 MiB, every piece verified");
    }

    #[test]
    fn a_slot_is_told_with_its_reason() {
        let unchoked = Event::Unchoked {
            conn: 1,
            remote: "bob".into(),
            slot: UnchokeSlot::Regular,
            rank: 2,
            rate: Rate(412_000),
            why: "regular slot 2 of 4: 412 kB/s".into(),
        };
        assert_eq!(told(unchoked).unwrap(), "alice unchokes bob: regular slot 2 of 4: 412 kB/s");
    }

    #[test]
    fn only_the_first_piece_is_news() {
        let verified = |have| Event::PieceVerified {
            piece: 7,
            from: vec![Provenance { remote: "seed".into(), bytes: 1 }, Provenance { remote: "bob".into(), bytes: 1 }],
            have,
            pieces: 9,
        };
        assert_eq!(told(verified(1)).unwrap(), "alice has its first piece (number 7, from seed and bob)");
        assert_eq!(told(verified(2)), None);
    }

    #[test]
    fn what_was_on_disk_is_told_unless_it_was_nothing() {
        let checked = |have| Event::Checked { have, pieces: 4, bytes: ByteCount(1024) };
        assert_eq!(told(checked(0)), None);
        assert!(told(checked(3)).unwrap().contains("goes on from 3 of 4"));
        assert!(told(checked(4)).unwrap().contains("has everything"));
    }

    #[test]
    fn what_a_network_does_to_packets_names_who_called_whom() {
        let (from, to, protocol) = (Remote::from("bob"), Remote::from("carol"), Transport::Tcp);
        let (packet, rule, why) = ("open".into(), "no-mapping".into(), "nobody inside has sent from this port".into());
        let dropped = Event::PacketDropped { protocol, from, to, packet, packets: 1, rule, why };
        assert_eq!(
            told(dropped).unwrap(),
            "alice: bob's call to carol, dropped: nobody inside has sent from this port"
        );
        let (from, to, class) = (Remote::from("bob"), Remote::from("carol"), FlowClass::PlaintextBittorrent);
        let reset = Event::FlowInspected { from, to, class, rule: "x".into(), does: "reset".into(), rate: None };
        let text = "alice: the provider takes bob's connection to carol for plaintext-bittorrent, and resets it";
        assert_eq!(told(reset).unwrap(), text);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list::<u8>(&[]), "nobody");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&[1, 2, 3, 4, 5]), "1, 2, 3, 4 and 5");
        assert_eq!(list(&[1, 2, 3, 4, 5, 6, 7]), "1, 2, 3, 4 and 3 more");
    }

    #[test]
    fn no_sentence_ends_with_a_stop_or_spans_lines() {
        let step = Event::Step { step: 1, action: "join".into(), who: vec!["seed".into()], why: "at 0 s".into() };
        let texts = [step, Event::Left { why: "asked to".into() }, Event::Note { text: "hi".into() }].map(told);
        assert!(texts.iter().flatten().all(|text| !text.ends_with('.') && !text.contains('\n')));
        assert_eq!(texts[0].as_deref(), Some("script: join seed (at 0 s)"));
    }

    fn told(event: Event) -> Option<String> {
        describe(&Record { time: Time::ZERO, peer: "alice".into(), event })
    }
}
