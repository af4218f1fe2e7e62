//! A share in progress, for its sharer: a row for each recipient, and above them what changes. Lines where
//! there is no terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Time;
use share::{Delivery, Phase, Proof, Recipient, TrackerState, Visitors, Why};

use crate::work::{printable, roughly};

/// What a share looks like.
#[derive(Debug)]
pub(crate) struct DeliveryScreen {
    canvas: Canvas,
    told: Told,
}

#[derive(Debug)]
enum Canvas {
    /// A terminal: the head line, and a row for each recipient.
    Bars { all: MultiProgress, head: ProgressBar, rows: BTreeMap<u32, ProgressBar> },
    /// A pipe, or a log.
    Lines,
    /// Programs read JSON, which is not written here.
    Nothing,
}

/// What was said of each thing last: it is said again when it changes.
#[derive(Debug, Default)]
struct Told {
    recipients: BTreeMap<u32, (State, Time, u32)>,
    trackers: BTreeMap<String, TrackerState>,
    visitors: Visitors,
    finishing: bool,
}

/// What a recipient is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    Gone,
    Complete,
}

impl DeliveryScreen {
    pub(crate) fn new(json: bool) -> Self {
        let canvas = match json {
            true => Canvas::Nothing,
            false if super::is_terminal() => {
                let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
                let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
                let head = all.add(ProgressBar::new(1).with_style(style));
                Canvas::Bars { all, head, rows: BTreeMap::new() }
            }
            false => Canvas::Lines,
        };
        Self { canvas, told: Told::default() }
    }

    /// Says a sentence.
    pub(crate) fn say(&self, text: &str) {
        match &self.canvas {
            // The terminal may be gone; the share goes on.
            Canvas::Bars { all, .. } => drop(all.println(text)),
            Canvas::Lines => anstream::println!("{text}"),
            Canvas::Nothing => {}
        }
    }

    /// Says what changed, and draws what is.
    pub(crate) fn show(&mut self, now: Time, delivery: &Delivery) {
        if matches!(self.canvas, Canvas::Nothing) {
            return;
        }
        let with_progress = matches!(self.canvas, Canvas::Lines);
        for line in self.told.news(now, delivery, with_progress) {
            self.say(&line);
        }
        let Canvas::Bars { all, head, rows } = &mut self.canvas else { return };
        head.set_message(headline(delivery));
        let recipients = delivery.recipients();
        let shown: Vec<&&Recipient> = recipients.iter().filter(|one| one.connected).take(ROWS_MAX).collect();
        rows.retain(|number, row| {
            let stays = shown.iter().any(|one| one.number == *number);
            if !stays {
                row.finish_and_clear();
                all.remove(row);
            }
            stays
        });
        for recipient in shown {
            let row = rows.entry(recipient.number).or_insert_with(|| all.add(row()));
            row.set_position(recipient.percent().into());
            row.set_prefix(format!("{:>3}", recipient.number));
            row.set_message(printable(&format!("{}  {}  {}", rate(recipient), who(recipient), sent(recipient))));
        }
    }
}

impl Drop for DeliveryScreen {
    fn drop(&mut self) {
        if let Canvas::Bars { all, .. } = &self.canvas {
            let _gone = all.clear();
            // Each bar would draw itself once more on its way out.
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

impl Told {
    /// What is to be said of what changed.
    fn news(&mut self, now: Time, delivery: &Delivery, with_progress: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (url, state) in delivery.trackers() {
            if self.trackers.get(url) != Some(state) {
                lines.push(printable(&format!("tracker {url}: {}", tracker(state))));
                self.trackers.insert(url.to_owned(), state.clone());
            }
        }
        let visitors = delivery.visitors();
        if visitors.far > 0 && self.visitors.far == 0 {
            lines.push("somebody dialled in from the internet: this machine can be reached".to_owned());
        } else if visitors.near > 0 && self.visitors == Visitors::default() {
            lines.push("somebody of this network dialled in: inside it this machine can be reached".to_owned());
        }
        self.visitors = visitors;
        for recipient in delivery.recipients() {
            lines.extend(self.news_of(now, delivery, recipient, with_progress));
        }
        if let Phase::Finishing { why, waits_for, .. } = delivery.phase()
            && !std::mem::replace(&mut self.finishing, true)
        {
            lines.push(finishing(*why, waits_for.len(), delivery));
        }
        lines
    }

    fn news_of(&mut self, now: Time, delivery: &Delivery, one: &Recipient, with_progress: bool) -> Option<String> {
        let state = match one {
            one if one.complete.is_some() => State::Complete,
            one if one.connected => State::Here,
            _ => State::Gone,
        };
        let (was, told_at, percent) = match self.recipients.get(&one.number) {
            Some((was, told_at, percent)) => (Some(*was), *told_at, *percent),
            None => (None, now, 0),
        };
        let line = match (was, state) {
            // Known to our tracker alone, and not complete.
            (None, State::Gone) => return None,
            (None, State::Here) => format!("{} is here", who(one)),
            (Some(State::Complete), _) => return None,
            (_, State::Complete) => format!("{} {}; {}", who(one), proof(one), tally(delivery)),
            (Some(State::Here), State::Gone) => {
                format!("{} left with {} %; it goes on from there when it comes again", who(one), one.percent())
            }
            (Some(State::Gone), State::Here) => format!("{} is here again", who(one)),
            (Some(State::Here), State::Here)
                if with_progress && one.percent() != percent && now.since(told_at) >= PROGRESS_EVERY =>
            {
                format!("{} has {} %, {}", who(one), one.percent(), rate(one))
            }
            _ => return None,
        };
        self.recipients.insert(one.number, (state, now, one.percent()));
        Some(printable(&line))
    }
}

fn headline(delivery: &Delivery) -> String {
    let visitors = delivery.visitors();
    let reach = match visitors {
        Visitors { near: 0, far: 0 } => "nobody has dialled in yet",
        Visitors { far: 0, .. } => "reached from this network",
        _ => "reached from the internet",
    };
    let trackers: Vec<&str> = delivery
        .trackers()
        .map(|(_, state)| match state {
            TrackerState::Asked => "tracker asked",
            TrackerState::Answers { .. } => "tracker answers",
            TrackerState::Refuses(_) => "tracker refuses",
            TrackerState::Fails(_) => "tracker silent",
        })
        .collect();
    let what = match delivery.phase() {
        Phase::Checking => "checking what is on disk".to_owned(),
        Phase::Seeding => "seeding".to_owned(),
        Phase::Finishing { waits_for, .. } => format!("finishing {}", waits_for.len()),
        Phase::Over { .. } => "leaving".to_owned(),
    };
    let mut parts = vec![what, tally(delivery), format!("gave {}", delivery.uploaded())];
    parts.extend(trackers.into_iter().map(str::to_owned));
    parts.push(reach.to_owned());
    parts.join(" · ")
}

/// How many have it, with what cannot be known.
pub(crate) fn tally(delivery: &Delivery) -> String {
    let tally = delivery.tally();
    let mut text = tally.to_string();
    if tally.perhaps > 0 {
        text += &format!(" ({} left with nearly everything, and may have the rest from others)", tally.perhaps);
    }
    if tally.same_address > 0 {
        text += " (some from one address: they may be one person)";
    }
    text
}

fn finishing(why: Why, waits_for: usize, delivery: &Delivery) -> String {
    let why = match why {
        Why::Delivered => tally(delivery),
        Why::TimeIsUp => "the time is up".to_owned(),
        Why::Asked => "stopping".to_owned(),
    };
    format!(
        "{why}: {} in the middle of it and finished first, within {} (Ctrl-C stops at once)",
        if waits_for == 1 { "1 is".to_owned() } else { format!("{waits_for} are") },
        roughly(share::FINISHING_MAX)
    )
}

fn proof(one: &Recipient) -> &'static str {
    match one.complete {
        Some(Proof::CameWithAll) if one.again => "came with everything: the same again, most likely",
        Some(Proof::CameWithAll) => "came with everything",
        Some(Proof::Tracker) => "told the tracker that it has everything",
        _ => "has everything",
    }
}

fn who(one: &Recipient) -> String {
    let client = if one.client.is_empty() { String::new() } else { format!(" ({})", one.client) };
    match &one.remote {
        Some(remote) => format!("{}: {remote}{client}", one.number),
        None => format!("{}: somebody{client}", one.number),
    }
}

fn rate(one: &Recipient) -> String {
    if one.rate.0 == 0 { "waiting".to_owned() } else { format!("↑ {}", one.rate) }
}

fn sent(one: &Recipient) -> String {
    format!("{} from here", one.sent)
}

fn tracker(state: &TrackerState) -> String {
    match state {
        TrackerState::Asked => "asked".to_owned(),
        TrackerState::Answers { seeders, leechers } => format!("answers; {seeders} have it, {leechers} fetch it"),
        TrackerState::Refuses(why) => format!("refuses: {why}"),
        TrackerState::Fails(why) => format!("does not answer: {why}"),
    }
}

fn row() -> ProgressBar {
    let template = "{prefix} {bar:24.cyan} {pos:>3} %  {wide_msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(100).with_style(style.progress_chars("█▉▊▋▌▍▎▏ "))
}

/// Recipients with a row of their own.
const ROWS_MAX: usize = 12;

/// In a pipe nobody wants a line a second.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
