//! `swarmlab`: every verb in one file.

use std::process::ExitCode;

fn main() -> ExitCode {
    swarmlab::swarmlab()
}
