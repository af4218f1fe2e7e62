//! `swarmlab-tracker`: the verb `swarmlab tracker` as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    swarmlab::swarmlab_tracker()
}
