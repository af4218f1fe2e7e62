//! Chores of this repository: `cargo xtask tidy` proves what the design promises about the crates;
//! `cargo xtask check` runs what CI runs before the tests; `cargo xtask bench …` measures.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

mod bench;
mod bench_share;
mod bench_sim;
mod tidy;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  tidy        crate directions, no clock, socket or hash order in the core, equal clippy files
  check       formatting, clippy, tidy, the core built for wasm32, all of it checked for Windows and macOS
  bench peer  one seeder to one leecher over loopback, beside other clients
              [--size MiB] [--runs N] [--encryption plaintext|rc4]
  bench share a folder packed, hashed and unpacked, beside 7-Zip and transmission-create [--size MiB]
  bench mse   encryption itself: the keystream, and whole handshakes a second
  bench swarm one seed to 8, 30 and 100 leechers in the simulated world, beside the fluid lower bound
              [--seeds N] [--crowd N] [--csv FILE]
  bench sim   what it costs to simulate 100, 500 and 2,000 leechers, and a flash crowd [--crowd N] [--csv FILE]

Examples:
  cargo xtask tidy
  cargo xtask bench peer --size 1024 --runs 3
  cargo xtask bench peer --encryption rc4
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["tidy"] => tidy::run(),
        ["check"] => check(),
        ["bench", "peer", rest @ ..] => bench::peer(rest),
        ["bench", "share", rest @ ..] => bench_share::share(rest),
        ["bench", "mse"] => bench::mse(),
        ["bench", "swarm", rest @ ..] => bench_sim::swarm(rest),
        ["bench", "sim", rest @ ..] => bench_sim::sim(rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    tidy::run()?;
    let mut wasm = vec!["check", "--target", "wasm32-unknown-unknown"];
    let core: Vec<String> = tidy::CORE.iter().flat_map(|name| ["-p".to_owned(), tidy::package(name)]).collect();
    wasm.extend(core.iter().map(String::as_str));
    cargo(&wasm)?;
    // The stock rqbit brings C code, which wants a cross compiler; everything else is checked for others' laptops.
    for laptop in ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"] {
        cargo(&["check", "--target", laptop, "-p", "swarmlab", "--no-default-features"])?;
    }
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    println!("+ cargo {}", args.join(" "));
    let status = Command::new(env!("CARGO")).args(args).status().context("failed to start cargo")?;
    if !status.success() {
        bail!("cargo {} failed", args.join(" "));
    }
    Ok(())
}
