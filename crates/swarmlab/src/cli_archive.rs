//! The command line of `swarmlab archive`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use model::ByteCount;

use crate::amount;

/// Packs a folder into an encrypted 7z archive, and lists, tests and unpacks one.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  swarmlab archive create ~/Pictures/holiday
  swarmlab archive list burly-duckbill-aviation.7z
  swarmlab archive extract burly-duckbill-aviation.7z -o ~/Downloads

7-Zip and its relatives open these archives, and their archives open here.
A password never stands on the command line, where every program of the machine can read it. It
comes from --password-file, from the variable SWARMLAB_PASSWORD, or from a hidden prompt.")]
pub(crate) enum Archive {
    Create(Create),
    List(List),
    Extract(Extract),
    Test(Test),
}

/// Packs a file or folder into an archive that only the password opens: AES-256, names hidden too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab archive create ~/Pictures/holiday                six words by lot are the password
  swarmlab archive create ~/Pictures/holiday --name summer  summer.7z in place of three words
  swarmlab archive create notes --ask --level 5             your own password, smaller and slower
  swarmlab archive create notes --password-file secret.txt --json

Photos, films and archives are stored, for they get no smaller; the rest is compressed. Links and
devices are left out and named. Send the password by another way than the archive.")]
pub(crate) struct Create {
    /// The file or folder to pack.
    pub(crate) path: PathBuf,
    /// Where the archive goes. By default a file with a name of three words, beside you.
    #[arg(long, short, value_name = "FILE", conflicts_with = "name")]
    pub(crate) output: Option<PathBuf>,
    /// A name in place of the three words.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How hard to compress: 0 stores everything, 1 is quick, 9 is slow. Memory goes from 10 MiB to
    /// almost a gigabyte; 1 takes 100 MiB.
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
    /// Replace an archive that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// The result as one JSON object. The password is never part of it: one by lot goes to standard
    /// error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists what is in an archive.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab archive list burly-duckbill-aviation.7z
  swarmlab archive list burly-duckbill-aviation.7z --json | jq .files[].name")]
pub(crate) struct List {
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    #[command(flatten)]
    pub(crate) password: PasswordFrom,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Unpacks an archive.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab archive extract burly-duckbill-aviation.7z
  swarmlab archive extract burly-duckbill-aviation.7z -o ~/Downloads --force

An archive with one folder on top unpacks to that folder, any other to one with its own name.
Until all is there it is called NAME.swarmlab-part. Links are never made, and names that lead out of the
folder are refused.")]
pub(crate) struct Extract {
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    /// The folder to unpack into.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Replace the file or folder that is there: what was in it is gone.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) growth: Growth,
    #[command(flatten)]
    pub(crate) password: PasswordFrom,
    /// The result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Unpacks an archive to nowhere and compares everything with its checksums.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab archive test burly-duckbill-aviation.7z

Exit code 0 when it is whole, 1 when it is damaged.")]
pub(crate) struct Test {
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    #[command(flatten)]
    pub(crate) growth: Growth,
    #[command(flatten)]
    pub(crate) password: PasswordFrom,
    /// The result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How large an archive may grow.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    /// The most that may come out, such as '20 GiB'. By default an archive that grows a thousandfold,
    /// and to more than 8 GiB, is refused.
    #[arg(long, value_name = "SIZE", value_parser = amount::size)]
    pub(crate) most: Option<ByteCount>,
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordFrom {
    /// A file whose first line is the password; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}
