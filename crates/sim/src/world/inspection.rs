//! Connections that pass boxes: shown to them before they are carried, and stopped or slowed down as they say.

use bytes::BytesMut;
use events::{Event, Record, Remote};
use model::{Rate, Time};

use super::World;
use super::news::Stop;
use super::tcp::Happening;
use crate::host::End;
use crate::link::{Side, packets};
use crate::middlebox::{Action, Watched};
use crate::packet::{Protocol, Rule, Stage};
use crate::pipe::Parcel;
use crate::topology::{HostId, NetId};

impl World {
    /// A connection has two ends: boxes on its way look at it from here on.
    pub(super) fn watch_over(&mut self, stream: u32) {
        let Some(known) = self.streams[stream as usize].as_deref_mut() else { return };
        let Some(listener) = known.listener.as_ref().filter(|_| known.watched.is_none()) else { return };
        let [from, to] = [known.dialler.host, listener.host].map(|host| self.hosts[host.0].net);
        let boxes = self.topology.inspectors_between(from, to);
        known.watched = (!boxes.is_empty()).then(|| Watched::new(boxes));
    }

    /// The rate that boxes on the way allow a connection that they slow down.
    pub(super) fn allowed_rate(&mut self, stream: u32) -> Option<Rate> {
        self.stream(stream)?.watched.as_ref()?.rate()
    }

    /// When what would arrive at `at` does, and whether it met a long queue before a box.
    pub(super) fn paced(&mut self, stream: u32, side: Side, at: Time, bytes: u64) -> (Time, bool) {
        let watched = self.stream(stream).and_then(|known| known.watched.as_mut());
        watched.map_or((at, false), |watched| watched.pace(side, at, bytes))
    }

    /// Shows what a side is about to send to the boxes on its way. Answers with what the one does that stops it.
    pub(super) fn inspect(&mut self, stream: u32, side: Side, parcel: &Parcel) -> Option<Action> {
        let known = self.streams[stream as usize].as_deref_mut()?;
        let watched = known.watched.as_mut()?;
        if watched.is_open() {
            let end = match side {
                Side::Dialler => Some(&known.dialler),
                Side::Listener => known.listener.as_ref(),
            };
            let start = end?.pipe.sent() - parcel.length;
            let mut front = BytesMut::new();
            for chunk in parcel.chunks.iter() {
                chunk.append_to(&mut front);
                if front.len() >= isp::WINDOW {
                    break;
                }
            }
            if let Some(verdict) = watched.see(side, start, &front) {
                let topology = &self.topology;
                let acting = watched.decide(verdict.class, |net| topology.inspector(net).cloned());
                self.tell_inspected(stream, verdict, &acting);
            }
        }
        let (net, action) = self.stream(stream)?.watched.as_ref()?.stopped_at()?;
        self.tell_stopped(stream, side, parcel, net, action);
        Some(action)
    }

    fn tell_inspected(&mut self, stream: u32, verdict: isp::Verdict, acting: &[(NetId, Action)]) {
        let Some((from, to)) = self.names_of(stream, Side::Dialler) else { return };
        self.tell_incidents();
        for (net, action) in acting {
            let (does, rate) = match action {
                Action::Drop => ("drop", None),
                Action::Reset => ("reset", None),
                Action::Throttle(rate) => ("throttle", Some(*rate)),
            };
            let (from, to, class) = (from.clone(), to.clone(), verdict.class);
            let (rule, does) = (verdict.rule.to_owned(), does.to_owned());
            let peer = self.topology.name(*net).to_owned();
            let event = Event::FlowInspected { from, to, class, rule, does, rate };
            self.records.push_back(Record { time: self.now, peer, event });
        }
    }

    fn tell_stopped(&mut self, stream: u32, side: Side, parcel: &Parcel, net: NetId, action: Action) {
        let Some((from, to)) = self.names_of(stream, side) else { return };
        self.tell_incidents();
        let packet = if parcel.length == 0 { "end" } else { "data" };
        let (place, refused) = (self.topology.name(net).to_owned(), action == Action::Reset);
        let stop = Stop { place, protocol: Protocol::Tcp, from, to, packet, refused, rule: Rule::Inspected };
        self.tell_stop(self.now, stop, packets(parcel.length));
    }

    /// Who sends and who receives, by name.
    fn names_of(&mut self, stream: u32, side: Side) -> Option<(Remote, Remote)> {
        let [from, to] = [side, side.other()].map(|side| self.end_of(stream, side).map(|end| end.host));
        let name = |host: HostId| Remote::Name(self.hosts[host.0].name.clone());
        Some((name(from?), name(to?)))
    }

    /// A box stops what a side sends.
    pub(super) fn stop_inside(&mut self, stream: u32, side: Side, parcel: Parcel, action: Action) {
        if action != Action::Reset {
            return self.try_again(stream, side, parcel);
        }
        let Some(end) = self.end_of(stream, side) else { return };
        end.pipe.put_back(parcel);
        end.pipe.waits = true;
        let &mut End { host, local, remote, .. } = end;
        // Routers on the way take the reset for an end of the connection.
        let at = self.carry_one(host, local, remote, Stage::End).map_or(self.now, |(at, ..)| at);
        self.later(at, stream, Happening::Reset(side));
        self.later(at, stream, Happening::Reset(side.other()));
    }
}
