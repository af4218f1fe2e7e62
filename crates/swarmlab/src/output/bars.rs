//! For terminals: a bar for each peer, and above them, as it happens, the story.

use std::collections::BTreeMap;

use events::{PeerView, Record, SwarmView};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::Audience;
use lab::summary::{Billing, seconds};
use model::Time;

use super::{Narrator, line, percent};

/// Draws to standard error; the bars vanish when it is dropped, the story stays.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    rows: BTreeMap<String, ProgressBar>,
    /// For a crowd: one bar for all that have none of their own.
    crowd: Option<(ProgressBar, Vec<String>)>,
    narrator: Narrator,
}

impl Bars {
    pub(crate) fn new(narrator: Narrator) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        Self { all, rows: BTreeMap::new(), crowd: None, narrator }
    }

    fn say(&self, text: &str) {
        let coloured = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let text = if coloured { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        // The terminal may be gone; the run goes on.
        let _gone = self.all.println(text);
    }

    fn row(&self, name: &str, width: usize, length: u64) -> ProgressBar {
        let template = format!("{{prefix:{width}}} {{bar:{BAR_WIDTH}.cyan}} {{percent:>3}} %  {{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(ProgressBar::new(length).with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")));
        bar.set_prefix(name.to_owned());
        bar.set_message("starting");
        bar
    }
}

impl Audience for Bars {
    fn remark(&mut self, what: &str) {
        self.say(&format!("            {what}"));
    }

    fn cast(&mut self, cast: &[Billing]) {
        let width = cast.iter().map(|member| member.name.len()).max().unwrap_or(0).clamp(8, 24);
        let shown = if cast.len() > ROWS_MAX { ROWS_MAX - 1 } else { cast.len() };
        for member in &cast[..shown] {
            self.rows.insert(member.name.clone(), self.row(&member.name, width, 100));
        }
        let rest: Vec<String> = cast[shown..].iter().map(|member| member.name.clone()).collect();
        if !rest.is_empty() {
            let bar = self.row(&format!("{} more", rest.len()), width, rest.len() as u64 * 100);
            self.crowd = Some((bar, rest));
        }
    }

    fn event(&mut self, record: &Record, _: &SwarmView) {
        if let Some(text) = self.narrator.tell(record) {
            self.say(&line(record.time, &text));
        }
    }

    fn tick(&mut self, _: Time, view: &SwarmView) {
        for (name, bar) in &self.rows {
            if let Some(peer) = view.peers.get(name) {
                bar.set_position(u64::from(percent(peer.have, peer.pieces)));
                bar.set_message(state(peer));
            }
        }
        if let Some((bar, names)) = &self.crowd {
            let peers = || names.iter().filter_map(|name| view.peers.get(name));
            bar.set_position(peers().map(|peer| u64::from(percent(peer.have, peer.pieces))).sum());
            bar.set_message(format!("{} done", peers().filter(|peer| peer.complete_at.is_some()).count()));
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        let _gone = self.all.clear();
        // Each bar would draw itself once more on its way out.
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// What the peer is doing, in few words.
fn state(peer: &PeerView) -> String {
    let rates = match (peer.down.0, peer.up.0) {
        (0, 0) => String::new(),
        (0, _) => format!("  ↑ {}", peer.up),
        (_, 0) => format!("  ↓ {}", peer.down),
        _ => format!("  ↓ {}  ↑ {}", peer.down, peer.up),
    };
    match peer {
        peer if peer.ended_at.is_some() => "gone".to_owned(),
        peer if peer.began_complete => format!("seeding{rates}"),
        PeerView { complete_at: Some(at), .. } => format!("done at {:.1} s{rates}", seconds(*at)),
        peer if peer.joined_at.is_none() => "here".to_owned(),
        peer if peer.pieces == 0 => "waiting for the torrent's description".to_owned(),
        peer => format!("{} of {} pieces{rates}", peer.have, peer.pieces),
    }
}

const BAR_WIDTH: usize = 28;

/// Bars on a screen; what does not fit shares the last one.
const ROWS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use model::Rate;

    use super::*;

    #[test]
    fn a_row_says_what_its_peer_does() {
        let fetching =
            PeerView { have: 3, pieces: 64, joined_at: Some(Time::ZERO), down: Rate(1_000_000), ..PeerView::default() };
        assert_eq!(state(&fetching), "3 of 64 pieces  ↓ 1.0 MB/s");
        let done = PeerView { complete_at: Some(Time::from_secs(3)), down: Rate(0), ..fetching.clone() };
        assert_eq!(state(&done), "done at 3.0 s");
        assert_eq!(state(&PeerView { ended_at: Some(Time::ZERO), ..done }), "gone");
        assert!(state(&PeerView { pieces: 0, have: 0, ..fetching }).contains("description"));
    }
}
