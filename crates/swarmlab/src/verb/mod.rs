//! What each verb does.

mod archive;
mod check;
mod diff;
mod events;
mod inspect;
mod isp;
mod list;
mod nat_matrix;
mod observers;
mod peer;
mod receive;
mod run;
mod share;
mod storm;
mod test;
mod torrent;
mod tracker;

use std::process::ExitCode;

use crate::cli::Verb;

pub(crate) use peer::some_seed;

/// Does what was asked for.
pub(crate) fn perform(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::check(&args),
        Verb::List(args) => list::list(&args),
        Verb::Test(args) => test::test(&args),
        Verb::Show(args) => list::show(&args),
        Verb::Events(args) => events::events(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Inspect(args) => inspect::inspect(&args),
        Verb::Isp(args) => isp::isp(&args),
        Verb::Observers(args) => observers::observers(&args),
        Verb::NatMatrix(args) => nat_matrix::nat_matrix(&args),
        Verb::Tracker(args) => tracker::tracker(&args),
        Verb::Peer(args) => peer::peer(&args),
        Verb::Torrent(verb) => torrent::torrent(&verb),
        Verb::Archive(verb) => archive::archive(&verb),
        Verb::Share(args) => share::share(&args),
        Verb::Receive(args) => receive::receive(&args),
        Verb::Rqbit(args) => peer::rqbit(&args),
    }
}
