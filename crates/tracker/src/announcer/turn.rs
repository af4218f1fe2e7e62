//! One tracker's turn: look it up, connect, announce, and what its answers mean.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use events::Event;
use model::{Time, Wake};

use super::tiers::TrackerIndex;
use super::url::Host;
use super::{
    AnnounceFacts, Announcer, AnnouncerCommand, Answered, Asked, Completed, Exchange, INTERVAL_MAX, INTERVAL_MIN, Mode,
    Stage, presentable, usable,
};
use crate::codec::{AnnounceEvent, AnnounceRequest, AnnounceResponse, Request, Response};

impl Announcer {
    fn resolve(&mut self, now: Time, tracker: TrackerIndex) {
        let Host::Name(host, port) = self.tiers.of(tracker).host.clone() else { return };
        self.tokens += 1;
        self.stage = Stage::Resolving { tracker, token: self.tokens };
        self.wake = Some(Wake { at: now.after(self.wait()), why: "announce: the tracker's name is not looked up" });
        self.out.push_back(AnnouncerCommand::Resolve { token: self.tokens, host, port });
    }

    pub(super) fn contact(&mut self, now: Time, facts: AnnounceFacts, tracker: TrackerIndex) {
        let Some(to) = self.tiers.of(tracker).addr() else { return self.resolve(now, tracker) };
        match self.tiers.of(tracker).connection(now, to) {
            Some(_) => self.announce(now, facts, tracker, to, true),
            None => self.connect(now, tracker, to),
        }
    }

    fn connect(&mut self, now: Time, tracker: TrackerIndex, to: SocketAddr) {
        let transaction = self.tiers.of_mut(tracker).transaction(to, "connect", &mut self.rng);
        self.ask(
            now,
            Exchange { tracker, to, transaction, request: Asked::Connect },
            &Request::Connect { transaction },
        );
    }

    fn announce(&mut self, now: Time, facts: AnnounceFacts, tracker: TrackerIndex, to: SocketAddr, reused: bool) {
        let event = self.event_for(tracker);
        let attempt = self.silences + self.refusals + 1;
        let state = self.tiers.of_mut(tracker);
        let Some(connection) = state.connection(now, to) else { return };
        let transaction = state.transaction(to, kind(event), &mut self.rng);
        state.contacted = true;
        let sent = Event::AnnounceSent {
            tracker: state.name.clone(),
            event: event.to_string(),
            left: facts.left,
            downloaded: facts.downloaded,
            uploaded: facts.uploaded,
            attempt,
        };
        let request = Request::Announce(AnnounceRequest {
            connection,
            transaction,
            info_hash: self.info_hash,
            peer_id: self.peer_id,
            downloaded: facts.downloaded,
            left: facts.left,
            uploaded: facts.uploaded,
            event,
            ip: Ipv4Addr::UNSPECIFIED,
            key: self.key,
            num_want: if event == AnnounceEvent::Stopped { 0 } else { facts.num_want },
            port: facts.port,
            url_data: state.path.clone(),
        });
        self.note(sent);
        self.ask(now, Exchange { tracker, to, transaction, request: Asked::Announce { event, reused } }, &request);
    }

    fn ask(&mut self, now: Time, exchange: Exchange, request: &Request) {
        self.stage = Stage::Asked(exchange);
        self.wake = Some(Wake { at: now.after(self.wait()), why: "announce: the tracker does not answer" });
        self.out.push_back(AnnouncerCommand::Send { to: exchange.to, datagram: request.to_bytes() });
    }

    /// Each tracker first hears `started`, whatever others have been told.
    fn event_for(&self, tracker: TrackerIndex) -> AnnounceEvent {
        match self.mode {
            Mode::Stopping => AnnounceEvent::Stopped,
            _ if !self.tiers.of(tracker).started => AnnounceEvent::Started,
            _ if self.completed == Completed::Due => AnnounceEvent::Completed,
            _ => AnnounceEvent::None,
        }
    }

    pub(super) fn response(&mut self, now: Time, facts: AnnounceFacts, exchange: Exchange, response: Response) {
        let Exchange { tracker, to, request, .. } = exchange;
        self.settle(tracker);
        self.silences = 0;
        match (request, response) {
            (Asked::Connect, Response::Connect { connection, .. }) => {
                self.tiers.of_mut(tracker).connected(now, to, connection);
                self.announce(now, facts, tracker, to, false);
            }
            (Asked::Announce { event, .. }, Response::Announce(answer)) => {
                self.announced(now, facts, tracker, event, &answer);
            }
            // The tracker may have been restarted and know our id no more. With a fresh one it has the last word.
            (Asked::Announce { reused: true, .. }, Response::Error { .. }) => {
                self.tiers.of_mut(tracker).disconnected();
                self.connect(now, tracker, to);
            }
            (_, Response::Error { message, .. }) => {
                self.tiers.of_mut(tracker).disconnected();
                let name = self.tiers.of(tracker).name.clone();
                self.note(Event::AnnounceRefused { tracker: name, reason: presentable(&message) });
                self.give_up(now, facts, tracker);
            }
            _ => self.fail(now, facts, tracker, "it answers something that was not asked"),
        }
    }

    fn announced(
        &mut self,
        now: Time,
        facts: AnnounceFacts,
        tracker: TrackerIndex,
        event: AnnounceEvent,
        answer: &AnnounceResponse,
    ) {
        let peers = peers(answer);
        self.note(Event::AnnounceAnswered {
            tracker: self.tiers.of(tracker).name.clone(),
            interval: answer.interval,
            seeders: answer.seeders,
            leechers: answer.leechers,
            peers: peers.len() as u32,
        });
        if self.mode == Mode::Stopping {
            return self.ask_next(now, facts);
        }
        match event {
            AnnounceEvent::Started => self.tiers.of_mut(tracker).started = true,
            AnnounceEvent::Completed => self.completed = Completed::Done,
            _ => {}
        }
        if !peers.is_empty() {
            self.out.push_back(AnnouncerCommand::Peers(peers));
        }
        self.tiers.promote(tracker);
        self.refusals = 0;
        self.answered = Some(Answered { by: tracker, at: now });
        if self.completed == Completed::Due {
            return self.begin_round(now, facts, Some(tracker));
        }
        let interval = Duration::from_secs(answer.interval.into()).clamp(INTERVAL_MIN, INTERVAL_MAX);
        self.round.clear();
        self.stage = Stage::Resting;
        self.wake = Some(Wake { at: now.after(interval), why: "announce: the interval is over" });
    }

    pub(super) fn settle(&mut self, tracker: TrackerIndex) {
        self.tiers.of_mut(tracker).settled();
    }

    pub(super) fn failed(&mut self, tracker: TrackerIndex, why: String, next: String) {
        let tracker = self.tiers.of(tracker).name.clone();
        self.note(Event::AnnounceFailed { tracker, why, next });
    }

    pub(super) fn note(&mut self, event: Event) {
        self.out.push_back(AnnouncerCommand::Event(event));
    }
}

/// The peers of an answer that can be dialled, each once.
fn peers(answer: &AnnounceResponse) -> Vec<SocketAddr> {
    let mut seen = BTreeSet::new();
    answer.peers.iter().copied().filter(|addr| usable(*addr) && seen.insert(*addr)).collect()
}

/// Names a request for [`tiers::Tracker::transaction`].
fn kind(event: AnnounceEvent) -> &'static str {
    match event {
        AnnounceEvent::None | AnnounceEvent::Paused => "announce",
        AnnounceEvent::Started => "started",
        AnnounceEvent::Completed => "completed",
        AnnounceEvent::Stopped => "stopped",
    }
}
