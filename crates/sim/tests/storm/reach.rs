//! Who can reach whom once nothing is cut and nobody is down, and what everybody can get then. Worked out from
//! the plan by the rules of NATs, firewalls and encryption policies, without the engine: it is what
//! the engine is measured by.
//!
//! In these swarms a peer is known by the tracker's word: by the address that its announces come from, with the port that it
//! listens on. TCP is dialled from passing ports, so no NAT has a mapping for the listening one, however mild: only
//! a port forwarded by hand lets anybody in.

use std::collections::BTreeMap;

use model::PieceSet;
use node::{Persona, Policy};
use swarmlab_sim::Preset;

use crate::plan::{Peer, Plan, Who};

/// What somebody has to offer when the faults are over.
#[derive(Debug, Clone)]
pub(crate) struct Holding {
    /// It knows the info dictionary.
    pub(crate) info: bool,
    pub(crate) pieces: PieceSet,
}

/// What each will have in the end, of those whose holdings are given: those who are there.
pub(crate) fn what_all_can_get(plan: &Plan, mut all: BTreeMap<Who, Holding>) -> BTreeMap<Who, PieceSet> {
    let whos: Vec<Who> = all.keys().copied().collect();
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for &a in &whos {
            for &b in whos.iter().filter(|&&b| b != a && meet(plan, a, b)) {
                let from = all[&b].clone();
                let to = all.get_mut(&a).expect("everybody is in the list");
                changed |= from.info && !to.info;
                to.info |= from.info;
                if to.info && from.info && gives(plan.peer(b)) && is_given(plan.peer(a)) {
                    for piece in from.pieces.iter() {
                        changed |= to.pieces.insert(piece);
                    }
                }
            }
        }
    }
    all.into_iter().map(|(who, holding)| (who, holding.pieces)).collect()
}

/// True when these two will have a connection: either can dial the other, and both hear of others.
pub(crate) fn meet(plan: &Plan, a: Who, b: Who) -> bool {
    let (a, b) = (plan.peer(a), plan.peer(b));
    let dials = |a: &Peer, b: &Peer| way_in(plan, a, b) && agree(a, b);
    hears_of_others(plan, a) && hears_of_others(plan, b) && (dials(a, b) || dials(b, a))
}

/// Gives right bytes to whoever asks.
fn gives(peer: &Peer) -> bool {
    matches!(peer.persona, Persona::Honest | Persona::Slow)
}

/// Who lies is found out sooner or later, and then gets nothing.
fn is_given(peer: &Peer) -> bool {
    peer.persona != Persona::Poisoner
}

/// Its datagrams reach the tracker.
fn hears_of_others(plan: &Plan, peer: &Peer) -> bool {
    borders(plan, peer.net).iter().all(|&net| plan.nets[net].border != Preset::Office)
}

/// A SYN of `a` to the address that the tracker knows `b` by gets there.
fn way_in(plan: &Plan, a: &Peer, b: &Peer) -> bool {
    let (from, to) = (borders(plan, a.net), borders(plan, b.net));
    let preset = |net: usize| plan.nets[net].border;
    let translates = |net: usize| !plan.ipv6 && preset(net).behaviour().is_some();
    let goes_out = |net: &&usize| preset(**net) != Preset::Office;
    let lets_in = |net: usize| match preset(net) {
        Preset::Open => true,
        _ => net == b.net && b.forwarded && preset(net).behaviour().is_some(),
    };
    // Behind one NAT they have one address between them, since all listen on the same port: the tracker takes
    // each for the other come again, and names neither to the other.
    if to.iter().any(|net| translates(*net) && from.contains(net)) {
        return false;
    }
    let crossed_out = from.iter().filter(|net| !to.contains(net));
    let mut crossed_in = to.iter().filter(|net| !from.contains(net));
    crossed_out.clone().all(|net| goes_out(&net)) && crossed_in.all(|net| lets_in(*net))
}

/// The borders between a network and the internet, its own first.
fn borders(plan: &Plan, net: usize) -> Vec<usize> {
    std::iter::successors(Some(net), |net| plan.nets[*net].parent).collect()
}

/// Their policies lead to a connection when the first dials the second.
fn agree(dialler: &Peer, listener: &Peer) -> bool {
    let (ours, theirs) = (dialler.encryption, listener.encryption);
    let encrypted = theirs.policy != Policy::Disabled && !ours.methods.common(theirs.methods).is_empty();
    let plain = theirs.policy != Policy::Required;
    match ours.policy {
        Policy::Disabled | Policy::Allowed => plain,
        Policy::Preferred => encrypted || plain,
        Policy::Required => encrypted,
    }
}
