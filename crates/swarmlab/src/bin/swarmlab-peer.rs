//! `swarmlab-peer`: the verb `swarmlab peer` as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    swarmlab::swarmlab_peer()
}
