//! Reads what a run is played on: content and tracker; networks have [a reader of their own](super::net).

use std::collections::BTreeMap;
use std::time::Duration;

use model::ByteCount;
use model::bound::{PIECE_BYTES_MAX, PIECES_MAX};

use crate::diagnostic::Faults;
use crate::nearest::did_you_mean;
use crate::net::Net;
use crate::plan::{Content, ContentSource, TrackerPlan};
use crate::read::fields::{Fields, amount, flag, text, whole};
use crate::read::net::closed_by;
use crate::tree::{Key, Node};
use crate::units::{self, Share};

pub const CONTENT_KEYS: &[&str] = &["size", "tree", "path", "given", "piece", "name", "archive", "elide"];
pub const TREE_KEYS: &[&str] = &["files", "size"];
pub const TRACKER_KEYS: &[&str] = &["at", "interval"];

const CONTENT_EXAMPLE: &str = "content: { size: 16 MiB }";

/// Reads `content`.
pub(crate) fn content(top: Fields<'_>, faults: &mut Faults) -> Content {
    let stand_in = ContentSource::Size(ByteCount(1 << 20));
    let Some(node) = top.need("content", "a scenario", CONTENT_EXAMPLE, faults) else {
        return Content { source: stand_in, piece: None, name: None, archive: false, elide: false };
    };
    let fields = Fields::of(node, "`content`", CONTENT_KEYS, CONTENT_EXAMPLE, faults);
    let piece_node = fields.get("piece");
    let piece = piece_node.and_then(|node| piece_size(node, faults));
    let source = content_source(fields, faults).unwrap_or(stand_in);
    if let (Some(node), Some(piece), Some(size)) = (piece_node, piece, source.size())
        && size.0.div_ceil(piece.0) > PIECES_MAX.into()
    {
        let message = format!("that makes {} pieces", size.0.div_ceil(piece.0));
        faults.add_with_help(node.spot, message, format!("a torrent has at most {PIECES_MAX}: make the pieces larger"));
    }
    let name = fields.get("name").and_then(|node| file_name(node, faults));
    let elide_node = fields.get("elide");
    let elide = elide_node.and_then(|node| flag(node, "`elide`", faults)).unwrap_or_default();
    if let (Some(node), true, None) = (elide_node, elide, source.size()) {
        let help = "leave `elide` away, or write `size: 100 MB`";
        faults.add_with_help(node.spot, "only content that is made up can be elided", help);
    }
    let archive = fields.get("archive").and_then(|node| flag(node, "`archive`", faults)).unwrap_or_default();
    Content { source, piece, name, archive, elide }
}

impl ContentSource {
    /// How large it is, where the scenario says so.
    pub fn size(&self) -> Option<ByteCount> {
        match self {
            Self::Size(size) | Self::Tree { size, .. } => Some(*size),
            Self::Path(_) | Self::Given => None,
        }
    }
}

fn content_source(fields: Fields<'_>, faults: &mut Faults) -> Option<ContentSource> {
    let sources: Vec<&(Key, Node)> =
        fields.entries().iter().filter(|(key, _)| CONTENT_KEYS[..4].contains(&key.text.as_str())).collect();
    let help = "write one of `size: 16 MiB`, `tree: { files: 100, size: 16 MiB }`, `path: my-folder`, `given: true`";
    match sources.as_slice() {
        [] if fields.entries().is_empty() => None,
        [] => {
            faults.add_with_help(fields.spot, "`content` does not say where the content comes from", help);
            None
        }
        [(key, node)] => one_source(&key.text, node, faults),
        [_, (key, _), ..] => {
            faults.add_with_help(key.spot, "`content` names two sources", help);
            None
        }
    }
}

fn one_source(key: &str, node: &Node, faults: &mut Faults) -> Option<ContentSource> {
    match key {
        "size" => some_bytes(node, "`size`", faults).map(ContentSource::Size),
        "tree" => tree(node, faults),
        "path" => text(node, "`path`", "my-folder", faults).map(|path| ContentSource::Path(path.to_owned())),
        _ => {
            if text(node, "`given`", "true", faults)? != "true" {
                let help = "write `given: true`: the content is then named by `--content PATH`";
                faults.add_with_help(node.spot, "`given` is either true or left away", help);
            }
            Some(ContentSource::Given)
        }
    }
}

fn tree(node: &Node, faults: &mut Faults) -> Option<ContentSource> {
    let example = "tree: { files: 100, size: 16 MiB }";
    let fields = Fields::of(node, "`tree`", TREE_KEYS, example, faults);
    let files = fields.need("files", "`tree`", example, faults);
    let size = fields.need("size", "`tree`", example, faults);
    let files = files.and_then(|node| whole(node, "`files`", 1, TREE_FILES_MAX, faults));
    let size = size.and_then(|node| some_bytes(node, "`size`", faults));
    Some(ContentSource::Tree { files: files? as u32, size: size? })
}

fn some_bytes(node: &Node, what: &str, faults: &mut Faults) -> Option<ByteCount> {
    let size = amount(node, what, units::size, "16 MiB", faults)?;
    if size.0 == 0 {
        faults.add_with_help(node.spot, format!("{what} is nothing to share"), "write a size, such as `16 MiB`");
    }
    Some(size)
}

fn piece_size(node: &Node, faults: &mut Faults) -> Option<ByteCount> {
    let piece = amount(node, "`piece`", units::size, "256 KiB", faults)?;
    let fits = (PIECE_BYTES_MIN..=u64::from(PIECE_BYTES_MAX)).contains(&piece.0);
    if fits && piece.0.is_power_of_two() {
        return Some(piece);
    }
    let nearest = piece.0.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX.into()).next_power_of_two();
    let help =
        format!("write `{}`, or leave it away: a good size is then chosen", units::show_size(ByteCount(nearest)));
    faults.add_with_help(
        node.spot,
        format!("a piece has a power of two bytes, from 16 KiB to 256 MiB, not {piece}"),
        help,
    );
    None
}

fn file_name(node: &Node, faults: &mut Faults) -> Option<String> {
    let name = text(node, "`name`", "lesson.bin", faults)?;
    let fine = |c: char| c.is_alphanumeric() || " ._-+()".contains(c);
    if name.len() <= 100 && name.chars().all(fine) && !name.starts_with('.') {
        return Some(name.to_owned());
    }
    let help = "letters, digits, blanks and `._-+()` make a name that every system can write";
    faults.add_with_help(node.spot, format!("`{name}` is no file name for all systems"), help);
    None
}

pub(crate) fn loss(node: &Node, faults: &mut Faults) -> Option<Share> {
    let loss = amount(node, "`loss`", units::share, "1 %", faults)?;
    if loss < Share::WHOLE {
        return Some(loss);
    }
    faults.add_with_help(node.spot, "nothing would arrive at all", "write less than `100 %`");
    None
}

/// Reads `tracker`.
pub(crate) fn tracker(top: Fields<'_>, nets: &BTreeMap<String, Net>, faults: &mut Faults) -> TrackerPlan {
    let example = "tracker: { interval: 30 s }";
    let fields = top.get("tracker").map(|node| Fields::of(node, "`tracker`", TRACKER_KEYS, example, faults));
    let interval = fields
        .and_then(|fields| fields.get("interval"))
        .and_then(|node| {
            let interval = amount(node, "`interval`", units::duration, "30 s", faults)?;
            if interval < Duration::from_secs(1) || interval.subsec_micros() != 0 {
                let message = "the tracker tells its interval in whole seconds (BEP 15)";
                faults.add_with_help(node.spot, message, "write `1 s` or more");
            }
            Some(interval)
        })
        .unwrap_or(DEFAULT_INTERVAL);
    let node = fields.and_then(|fields| fields.get("at"));
    let at = node.and_then(|node| net_name(node, "`at`", nets, faults)).unwrap_or_else(|| default_net(nets));
    if let Some(what) = closed_by(nets, &at) {
        let spot = node.map_or(top.spot, |node| node.spot);
        let open = nets.keys().find(|name| closed_by(nets, name).is_none());
        let help = match open {
            Some(open) => format!("everybody reaches `{open}`: write `tracker: {{ at: {open} }}`"),
            None => "give `net` one that everybody reaches, such as `server: {}`, and put it there".to_owned(),
        };
        faults.add_with_help(spot, format!("nobody could call the tracker in net `{at}`, behind its {what}"), help);
    }
    TrackerPlan { at, interval }
}

/// The name of a network that exists.
pub(crate) fn net_name(node: &Node, what: &str, nets: &BTreeMap<String, Net>, faults: &mut Faults) -> Option<String> {
    let name = text(node, what, DEFAULT_NET, faults)?;
    if nets.contains_key(name) {
        return Some(name.to_owned());
    }
    let help = did_you_mean(name, nets.keys().map(String::as_str));
    faults.add_with_help(node.spot, format!("there is no net `{name}`"), help);
    None
}

/// Where whoever says nothing is placed: on `lan` if there is one, else on the first (by name) that everybody can
/// reach.
pub(crate) fn default_net(nets: &BTreeMap<String, Net>) -> String {
    let lan = nets.contains_key(DEFAULT_NET).then(|| DEFAULT_NET.to_owned());
    let open = || nets.keys().find(|name| closed_by(nets, name).is_none()).cloned();
    lan.or_else(open).unwrap_or_else(|| DEFAULT_NET.to_owned())
}

/// Names of networks and cast: what is safe in file names, process lists and tables.
pub(crate) fn check_name(key: &Key, what: &str, faults: &mut Faults) -> bool {
    let name = key.text.as_str();
    let fine = name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    if !fine {
        let help = format!("small letters, digits and `-`, a letter first, at most {NAME_CHARS_MAX}");
        faults.add_with_help(key.spot, format!("`{name}` can't be the name of {what}"), help);
    }
    fine
}

pub(crate) const DEFAULT_NET: &str = "lan";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const NAME_CHARS_MAX: usize = 24;
/// What a laptop's disk can stand.
const TREE_FILES_MAX: u64 = 100_000;
/// One block: smaller pieces are never made.
const PIECE_BYTES_MIN: u64 = 16 * 1024;
