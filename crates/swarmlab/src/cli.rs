//! The command line: every verb, every flag, and an example for each.

mod diff;
mod inspect;
mod isp;
mod nat_matrix;
mod observers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lab::storm::Seeds;
use model::{ByteCount, Rate};

use crate::{amount, cli_archive, cli_share};

pub(crate) use diff::Diff;
pub(crate) use inspect::Inspect;
pub(crate) use isp::Isp;
pub(crate) use nat_matrix::NatMatrix;
pub(crate) use observers::Observers;

/// A lab kit for BitTorrent: run a swarm, watch it, check what it did.
#[derive(Debug, Parser)]
#[command(name = "swarmlab", version, about, long_about = None, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Start here:
  swarmlab run first-swarm      one seed, four leechers, a tracker: a minute well spent
  swarmlab list                 all scenarios that come with the program
  swarmlab help run             what a verb can do

Exit codes:
  0    every check passed            3    unknown, or unsupported here
  1    a check failed                4    the lab itself broke
  2    the scenario or the call is wrong
  130  stopped by Ctrl-C";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(Run),
    Check(Check),
    List(List),
    Test(Test),
    Show(Show),
    Events(Events),
    Diff(Diff),
    Inspect(Inspect),
    Isp(Isp),
    Observers(Observers),
    NatMatrix(NatMatrix),
    Tracker(Tracker),
    Peer(Peer),
    #[command(subcommand)]
    Torrent(Torrent),
    #[command(subcommand)]
    Archive(cli_archive::Archive),
    Share(cli_share::Share),
    Receive(cli_share::Receive),
    /// The stock librqbit as a member of the cast. Started by `run` for `client: rqbit`.
    #[command(hide = true)]
    Rqbit(Peer),
}

/// Plays a scenario: starts its programs, shows what happens, checks it, says what came of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab run first-swarm
  swarmlab run tit-for-tat --seed 8           other luck, same rules
  swarmlab run your-own-file --content ~/Pictures/holiday
  swarmlab run labs/mine.yaml --keep          keep what was fetched
  swarmlab run first-swarm --json | jq 'select(.ev == \"unchoked\")'
  swarmlab run tit-for-tat --seeds 1..100     a storm: does it hold whatever the luck?

A storm (--seeds) plays in world sim, as many at a time as there are cores, and tells how often each
check failed and with which seeds. A seed that did not pass leaves a run folder (the first ten do; with
--keep every seed does), and the command that plays it again is printed. The exit code is the worst of all.

Each run leaves a folder; runs/latest points to the newest:
  plan.yaml     the scenario as it was played     events.jsonl  everything that happened
  summary.json  verdicts and the table            logs/         what each program said
Content and downloads are deleted when all checks passed; --keep keeps them. When a check
failed they stay for a look.

Ctrl-C ends every program in good order; a second one ends them at once.")]
pub(crate) struct Run {
    /// The name of a scenario (see `swarmlab list`), or the path of a YAML file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) scenario: String,
    /// Where to play it: a world that the scenario names; the first that this program plays by default.
    #[arg(long, value_name = "WORLD")]
    pub(crate) world: Option<String>,
    /// The seed of all chance, in place of the scenario's.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// World sim only: play it once for each of these seeds, both ends included.
    #[arg(long, value_name = "FIRST..LAST", conflicts_with = "seed")]
    pub(crate) seeds: Option<Seeds>,
    /// With --seeds: runs played at a time. By default one for each core.
    #[arg(long, value_name = "NUMBER", requires = "seeds", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Share this file or folder, in place of the scenario's content. It is only read.
    #[arg(long, value_name = "PATH")]
    pub(crate) content: Option<PathBuf>,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Keep content and downloads of a run that passed; with --seeds, a run folder for every seed.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Events and, last, the summary as JSON lines on standard output, and nothing else. With --seeds
    /// one line a seed in place of the events.
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
    /// No story and no bars, only how it ended.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// How much the log tells: `block` tells of every block asked for, sent and received.
    #[arg(long, value_name = "DETAIL")]
    pub(crate) detail: Option<DetailArg>,
    /// World sim only: how fast time passes: `1x` as on the wall, `10x`, or `max`.
    #[arg(long, value_name = "SPEED", default_value = "max", value_parser = speed)]
    pub(crate) speed: Speed,
}

/// How many times as fast as on the wall time passes; `None` is as fast as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed(pub(crate) Option<u32>);

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let times = text.strip_suffix('x').and_then(|times| times.parse().ok()).filter(|times| (1..=1_000).contains(times));
    times.map(|times| Speed(Some(times))).ok_or_else(|| "write `1x`, `10x` (1,000x at most), or `max`".to_owned())
}

/// Reads scenario files and says what is wrong with them, without playing them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab check labs/mine.yaml
  swarmlab check scenarios/*.yaml

Exit code 0 when all are right, 2 when one is not.")]
pub(crate) struct Check {
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The findings as JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the scenarios that come with the program.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab list
  swarmlab list --json")]
pub(crate) struct List {
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Plays many scenarios, one line each: for CI and for whoever changes something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab test                               all that come with the program
  swarmlab test labs/                         every .yaml in the folder
  swarmlab test labs/ --junit report.xml --jobs 4
  swarmlab test --seeds 1..20                 each of them in world sim, with twenty seeds

The exit code is the worst of all.")]
pub(crate) struct Test {
    /// A folder with scenario files. Without it: the shipped ones.
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Write the results there as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Scenarios played at a time. By default half of the processor's cores, 4 at most. With --seeds:
    /// seeds played at a time, by default one for each core.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: Option<u16>,
    /// The seed of all chance, in place of each scenario's.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// World sim only: play each scenario once for each of these seeds, both ends included.
    #[arg(long, value_name = "FIRST..LAST", conflicts_with = "seed")]
    pub(crate) seeds: Option<Seeds>,
    /// Where to play them. Each scenario's first world that is there by default.
    #[arg(long, value_name = "WORLD")]
    pub(crate) world: Option<String>,
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Keep content and downloads of runs that passed; with --seeds, a run folder for every seed.
    #[arg(long)]
    pub(crate) keep: bool,
    /// One JSON object a scenario, in place of the lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints a shipped scenario's YAML: a start for your own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab show first-swarm
  swarmlab show first-swarm > mine.yaml       then change it, check it and run it")]
pub(crate) struct Show {
    /// See `swarmlab list`.
    pub(crate) name: String,
}

/// Explains the vocabulary of events.jsonl: every kind, its fields, what it means.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab events
  swarmlab events unchoked
  swarmlab events --markdown > EVENTS.md")]
pub(crate) struct Events {
    /// Only kinds whose name or family contains this.
    #[arg(value_name = "WORD")]
    pub(crate) filter: Option<String>,
    /// As Markdown tables, for documentation.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A private UDP tracker (BEP 15): answers only for the torrents it is told of.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab tracker --allow holiday.torrent
  swarmlab tracker --listen 192.168.1.20:6969 --allow holiday.torrent --allow lecture.torrent
  swarmlab tracker --listen 0.0.0.0:6969 --listen [::]:6969 --open

By default it deals only with addresses inside a lab: loopback, private and link-local ones.")]
pub(crate) struct Tracker {
    /// Address and port to listen at; repeatable. Port 0 is the system's choice.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6969")]
    pub(crate) listen: Vec<SocketAddr>,
    /// A torrent it answers for: an info-hash or a .torrent file; repeatable.
    #[arg(long, value_name = "HASH|FILE")]
    pub(crate) allow: Vec<String>,
    /// Answer for any torrent.
    #[arg(long)]
    pub(crate) open: bool,
    /// How long peers are asked to wait between announces.
    #[arg(long, value_name = "TIME", value_parser = amount::duration, default_value = "30 s")]
    pub(crate) interval: Duration,
    /// The seed of all chance: which peers are told to whom.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Deal with addresses outside the lab too. Never for a lesson: anybody may then connect.
    #[arg(long)]
    pub(crate) public: bool,
    /// Events as JSON lines on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) member: Member,
}

/// One BitTorrent peer that tells what it does: fetches, then seeds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab peer holiday.torrent --dir ~/Downloads
  swarmlab peer 'magnet:?xt=urn:btih:...&tr=udp://192.168.1.20:6969' --dir ~/Downloads
  swarmlab peer holiday.torrent --dir ~/Pictures --up '1 MB/s'      seeds what is there
  swarmlab peer holiday.torrent --encryption required               no plaintext, in or out
  swarmlab peer holiday.torrent --exit-when-complete

What is on disk already is checked first; with everything there it seeds at once. It goes on
until Ctrl-C, or until complete with --exit-when-complete.
By default it deals only with addresses inside a lab: loopback, private and link-local ones.")]
pub(crate) struct Peer {
    /// A .torrent file or a magnet link.
    #[arg(value_name = "TORRENT|MAGNET", required_unless_present = "control")]
    pub(crate) torrent: Option<String>,
    /// The folder that holds, or is to hold, the content.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Address and port to listen at. Port 0 is the system's choice.
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:0")]
    pub(crate) listen: SocketAddr,
    /// The seed of all chance: who is unchoked by lot, which piece comes first.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Upload limit, such as '500 kB/s' or '4 Mbit/s'. None by default.
    #[arg(long, value_name = "RATE", value_parser = amount::rate)]
    pub(crate) up: Option<Rate>,
    /// Download limit.
    #[arg(long, value_name = "RATE", value_parser = amount::rate)]
    pub(crate) down: Option<Rate>,
    /// Tell how far each connected peer is: for a sharer that waits for its recipients.
    #[arg(long)]
    pub(crate) count_recipients: bool,
    /// Upload slots, the optimistic one among them.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) slots: Option<u16>,
    /// How to behave: honest, free-rider, poisoner or slow. All but the first are for the lab.
    #[arg(long, value_name = "PERSONA", default_value = "honest")]
    pub(crate) persona: String,
    /// Fetch pieces in order, as a player would, in place of the rarest first.
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Protocol encryption (MSE): disabled, allowed (dials in plaintext, lets both in), preferred (dials
    /// encrypted, again in plaintext where that is refused) or required. Obfuscation, not secrecy.
    #[arg(long, value_name = "POLICY", default_value = "allowed")]
    pub(crate) encryption: node::Policy,
    /// What to offer and accept once the handshake is encrypted, with commas between: rc4,
    /// plaintext-after-handshake. Both by default; rc4 is chosen where both sides can.
    #[arg(long, value_name = "METHODS", value_delimiter = ',', value_enum)]
    pub(crate) encryption_methods: Vec<MethodArg>,
    /// Write the first 2 KiB each way of each connection there, as they were on the wire.
    #[arg(long, value_name = "FILE")]
    pub(crate) wire_record: Option<PathBuf>,
    /// Write there what opens the encrypted connections of this peer. For the lab: who has the file
    /// and a recording of the wire reads along.
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Option<PathBuf>,
    /// How much to tell: `block` tells of every block.
    #[arg(long, value_name = "DETAIL", default_value = "piece")]
    pub(crate) detail: DetailArg,
    /// A peer to connect to; repeatable.
    #[arg(long = "peer", value_name = "IP:PORT")]
    pub(crate) peers: Vec<SocketAddr>,
    /// End when everything is there, in place of seeding on.
    #[arg(long)]
    pub(crate) exit_when_complete: bool,
    /// Deal with addresses outside the lab too, to share with a friend. They see your address.
    #[arg(long)]
    pub(crate) public: bool,
    /// Events as JSON lines on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) member: Member,
}

/// What a program needs to know as a member of a run.
#[derive(Debug, Args)]
pub(crate) struct Member {
    /// What to be called in events.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Take orders as JSON lines on standard input, tell events on standard output, and end when
    /// the input ends. How `swarmlab run` drives its programs.
    #[arg(long)]
    pub(crate) control: bool,
    /// When the run began, in microseconds since 1970: the zero of `t` in events.
    #[arg(long, value_name = "MICROS", hide = true)]
    pub(crate) epoch_micros: Option<u64>,
}

/// Makes, shows and verifies .torrent files.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  swarmlab torrent create ~/Pictures/holiday --announce udp://192.168.1.20:6969
  swarmlab torrent show holiday.torrent
  swarmlab torrent magnet holiday.torrent
  swarmlab torrent verify holiday.torrent ~/Downloads")]
pub(crate) enum Torrent {
    Create(Create),
    Show(ShowTorrent),
    Magnet(MagnetOf),
    Verify(Verify),
}

/// Makes a .torrent file from a file or a folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab torrent create holiday.zip --announce udp://192.168.1.20:6969
  swarmlab torrent create ~/Pictures/holiday -o holiday.torrent --private --comment 'Summer'
  swarmlab torrent create lecture.mkv --announce udp://a:6969,udp://b:6969 --announce udp://c:6969

A comma joins trackers of one tier (BEP 12: any of them); each further --announce is a tier that
is asked when the one before does not answer.")]
pub(crate) struct Create {
    /// The file or folder to share.
    pub(crate) path: PathBuf,
    /// Where the .torrent goes. By default its name beside you, with .torrent.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// A tracker, or several with commas between; repeatable.
    #[arg(long, short, value_name = "URL[,URL]")]
    pub(crate) announce: Vec<String>,
    /// Peers come from the tracker alone (BEP 27).
    #[arg(long)]
    pub(crate) private: bool,
    /// A remark that clients show.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// A word that makes the info-hash differ from the same content elsewhere.
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
    /// Bytes in a piece, such as '256 KiB'. By default chosen by the size of the content.
    #[arg(long, value_name = "SIZE", value_parser = amount::size)]
    pub(crate) piece: Option<ByteCount>,
    /// A web server that has the content too (BEP 19); repeatable.
    #[arg(long, value_name = "URL")]
    pub(crate) web_seed: Vec<String>,
    /// Leave the creation date out: the same content then always gives the same file.
    #[arg(long)]
    pub(crate) no_date: bool,
    /// Replace a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// The result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows everything that a .torrent file says.
#[derive(Debug, Args)]
#[command(
    name = "show",
    after_help = "\
Examples:
  swarmlab torrent show holiday.torrent
  swarmlab torrent show holiday.torrent --json"
)]
pub(crate) struct ShowTorrent {
    #[arg(value_name = "TORRENT")]
    pub(crate) torrent: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints the magnet link of a .torrent file (BEP 9).
#[derive(Debug, Args)]
#[command(
    name = "magnet",
    after_help = "\
Examples:
  swarmlab torrent magnet holiday.torrent
  swarmlab peer \"$(swarmlab torrent magnet holiday.torrent)\" --dir ~/Downloads"
)]
pub(crate) struct MagnetOf {
    #[arg(value_name = "TORRENT")]
    pub(crate) torrent: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hashes what is on disk and says which pieces are right.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab torrent verify holiday.torrent ~/Downloads
  swarmlab torrent verify holiday.torrent ~/Downloads --json

The folder is the one that holds the torrent's file or folder, as for `swarmlab peer --dir`.
Exit code 0 when everything is right, 1 when a piece is missing or wrong.")]
pub(crate) struct Verify {
    #[arg(value_name = "TORRENT")]
    pub(crate) torrent: PathBuf,
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How much the log tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DetailArg {
    #[default]
    Piece,
    Block,
}

/// What an encrypted handshake may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodArg {
    /// All is encrypted.
    Rc4,
    /// Only the encrypted handshake is; what follows is in the clear.
    PlaintextAfterHandshake,
}

impl From<DetailArg> for events::Detail {
    fn from(detail: DetailArg) -> Self {
        match detail {
            DetailArg::Piece => Self::Piece,
            DetailArg::Block => Self::Block,
        }
    }
}

/// `swarmlab-tracker` alone.
#[derive(Debug, Parser)]
#[command(name = "swarmlab-tracker", version, max_term_width = 100)]
pub(crate) struct TrackerCli {
    #[command(flatten)]
    pub(crate) tracker: Tracker,
}

/// `swarmlab-peer` alone.
#[derive(Debug, Parser)]
#[command(name = "swarmlab-peer", version, max_term_width = 100)]
pub(crate) struct PeerCli {
    #[command(flatten)]
    pub(crate) peer: Peer,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
        TrackerCli::command().debug_assert();
        PeerCli::command().debug_assert();
    }
}
