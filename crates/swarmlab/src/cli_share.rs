//! The command line of `swarmlab share` and `swarmlab receive`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use model::{ByteCount, Rate};

use crate::amount;
use crate::cli_archive::PasswordFrom;

/// Shares a folder with friends: packs it into an encrypted archive, makes a torrent and seeds it until
/// they have it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab share ~/wedding-photos --to 2
  swarmlab share ~/wedding-photos --to 2 --with-tracker       friends on this network find each other
  swarmlab share ~/wedding-photos --until 18:00 --public --tracker udp://tracker.example.net:6969
  swarmlab share burly-duckbill-aviation.7z.torrent           goes on with what was packed before
  swarmlab share lecture.mkv --plain                          no password: anybody may read it

Send the .torrent, or the magnet link, by any way you like, and the password by another, end-to-end encrypted one.
Sharing the same folder again offers to seed what is there already. NAME.7z.share, which
makes that possible, is for you alone.
Ctrl-C stops when those who are being served have everything; a second one stops at once.
Exit code 0 when the share ended as you wanted, 1 when the time was up before N had it, 2 when it could not begin
or go on, 130 when you ended it.")]
pub(crate) struct Share {
    /// The file or folder to share, or the .torrent of an earlier share to go on with.
    pub(crate) path: PathBuf,
    /// Where archive and torrent go.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// A name in place of the three words.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Stop when so many recipients have everything.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
    /// Stop at this time of day: the next time it is 18:00 here.
    #[arg(long, value_name = "HH:MM", conflicts_with = "duration")]
    pub(crate) until: Option<String>,
    /// Stop after this time, such as '2 h'.
    #[arg(long = "for", value_name = "TIME", value_parser = amount::duration)]
    pub(crate) duration: Option<Duration>,
    /// Run a tracker in this command, at this address: recipients find each other by it.
    #[arg(long, value_name = "IP:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0.0.0.0:0")]
    pub(crate) with_tracker: Option<SocketAddr>,
    /// A tracker, such as udp://192.168.1.20:6969; repeatable. One outside the lab needs --public.
    #[arg(long, value_name = "URL")]
    pub(crate) tracker: Vec<String>,
    /// A recipient to connect to; repeatable.
    #[arg(long = "peer", value_name = "IP:PORT")]
    pub(crate) peers: Vec<SocketAddr>,
    /// No encryption: the torrent straight from the folder. Anybody who has the torrent can read
    /// everything, and see every name.
    #[arg(long, conflicts_with_all = ["level", "random", "ask", "password_file", "password_out"])]
    pub(crate) plain: bool,
    /// How hard to compress: 0 stores everything, 1 is quick, 9 is slow.
    #[arg(long, value_name = "0..9", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) level: u8,
    /// 24 characters by lot are the password, in place of six words.
    #[arg(long, conflicts_with_all = ["ask", "password_file"])]
    pub(crate) random: bool,
    /// Ask for a password of your own, and say how strong it is.
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) ask: bool,
    #[command(flatten)]
    pub(crate) password: PasswordFrom,
    /// Write a password by lot to this file, which only you can read, in place of the screen.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ask", "password_file"])]
    pub(crate) password_out: Option<PathBuf>,
    /// Seed what an earlier share of this folder left, without asking.
    #[arg(long, conflicts_with = "repack")]
    pub(crate) again: bool,
    /// Pack again, with a new password, whatever an earlier share left.
    #[arg(long)]
    pub(crate) repack: bool,
    /// Replace files of the same name.
    #[arg(long)]
    pub(crate) force: bool,
    /// No QR code.
    #[arg(long)]
    pub(crate) no_qr: bool,
    /// A QR code even where no terminal is.
    #[arg(long, conflicts_with_all = ["no_qr", "json"])]
    pub(crate) qr: bool,
    #[command(flatten)]
    pub(crate) net: Net,
    /// Events as JSON lines on standard output, and what comes of it. The password is never part of it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Fetches what a friend shares, checks it, asks for the password and unpacks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab receive burly-duckbill-aviation.7z.torrent
  swarmlab receive 'magnet:?xt=urn:btih:...' -o ~/Downloads
  swarmlab receive burly-duckbill-aviation.7z.torrent --peer 192.168.1.20:51413
  swarmlab receive burly-duckbill-aviation.7z.torrent --list        looks inside, unpacks nothing
  swarmlab receive burly-duckbill-aviation.7z.torrent --yes --password-file secret.txt --seed-for '10 min'

What came so far stays when it is stopped: the same call goes on from there. Then it seeds for others, until
--ratio, --seed-for or Ctrl-C. NAME.swarmlab-fetch marks what is not complete yet.
Exit code 0 when everything is there, 1 when what came is damaged, 2 when it could not begin or go on, 130 when
you ended it before.")]
pub(crate) struct Receive {
    /// A .torrent file or a magnet link.
    #[arg(value_name = "TORRENT|MAGNET")]
    pub(crate) torrent: String,
    /// The folder that it goes to.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Fetch without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) password: PasswordFrom,
    /// List what is in the archive, and do not unpack it.
    #[arg(long)]
    pub(crate) list: bool,
    /// Leave the archive packed, for 7-Zip or `swarmlab archive`.
    #[arg(long, conflicts_with = "list")]
    pub(crate) no_unpack: bool,
    /// Replace files and folders that are there.
    #[arg(long)]
    pub(crate) force: bool,
    /// The most that may come out of the archive, such as '20 GiB'.
    #[arg(long, value_name = "SIZE", value_parser = amount::size)]
    pub(crate) most: Option<ByteCount>,
    /// Seed until so much was given: 1.5 is one and a half times the size.
    #[arg(long, value_name = "RATIO")]
    pub(crate) ratio: Option<share::Ratio>,
    /// Seed for so long; '0 s' is not at all.
    #[arg(long, value_name = "TIME", value_parser = amount::duration)]
    pub(crate) seed_for: Option<Duration>,
    /// Delete the archive in the end, without asking.
    #[arg(long, conflicts_with_all = ["list", "no_unpack"])]
    pub(crate) delete_archive: bool,
    /// A peer to connect to, the sharer for one; repeatable.
    #[arg(long = "peer", value_name = "IP:PORT")]
    pub(crate) peers: Vec<SocketAddr>,
    /// Download limit, such as '2 MB/s'.
    #[arg(long, value_name = "RATE", value_parser = amount::rate)]
    pub(crate) down: Option<Rate>,
    #[command(flatten)]
    pub(crate) net: Net,
    /// Events as JSON lines on standard output, and what comes of it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to be in the network.
#[derive(Debug, Args)]
pub(crate) struct Net {
    /// Address and port to listen at. Port 0 is the system's choice.
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:0")]
    pub(crate) listen: SocketAddr,
    /// Upload limit, such as '500 kB/s' or '4 Mbit/s'. None by default.
    #[arg(long, value_name = "RATE", value_parser = amount::rate)]
    pub(crate) up: Option<Rate>,
    /// Protocol encryption (MSE): disabled, allowed, preferred or required. Obfuscation: what keeps the content
    /// secret is the password.
    #[arg(long, value_name = "POLICY", default_value = "allowed")]
    pub(crate) encryption: node::Policy,
    /// Deal with addresses outside the lab too, to share with a friend. They see your address.
    #[arg(long)]
    pub(crate) public: bool,
}
