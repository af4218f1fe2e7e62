//! A network of its own for one test: a Linux network namespace whose loopback interface carries
//! addresses in 10.99.0.0/24. Some clients (Transmission) turn loopback peers away, so 127.0.0.0/8
//! will not do; and in here nothing can reach the world outside, whatever a client tries.
//!
//! It has no name and belongs to a process that reads from a pipe: when the test ends, however
//! it ends, the pipe closes, the process is gone, and the namespace with it. Root needs nothing;
//! others need user namespaces, in which they are root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::Missing;

/// A network that only processes started with [`Namespace::command`] see.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    /// Open as long as the namespace shall be.
    _leash: Option<ChildStdin>,
    user: bool,
    next_host: AtomicU8,
}

impl Namespace {
    pub fn new() -> Result<Self, Missing> {
        Self::held_by(&["--net"], false).or_else(|_| Self::held_by(&["--user", "--map-root-user", "--net"], true))
    }

    fn held_by(flags: &[&str], user: bool) -> Result<Self, Missing> {
        let missing = || Missing("network namespaces (Linux; root, or user namespaces)".into());
        let mut command = Command::new("unshare");
        command.args(flags).args(["sh", "-c", SET_UP]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().map_err(|_| missing())?;
        let leash = holder.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = holder.stdout.take() {
            let _unreadable = BufReader::new(stdout).read_line(&mut line);
        }
        let namespace = Self { holder, _leash: leash, user, next_host: AtomicU8::new(1) };
        if line == "ready\n" { Ok(namespace) } else { Err(missing()) }
    }

    /// An address that nobody in here has yet.
    ///
    /// # Panics
    /// When all are taken.
    pub fn address(&self) -> Ipv4Addr {
        let host = self.next_host.fetch_add(1, Ordering::Relaxed);
        assert!(host <= HOSTS, "a namespace has {HOSTS} addresses");
        Ipv4Addr::new(10, 99, 0, host)
    }

    /// A program to start in here. The kernel ends it when the test's thread ends.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--net"]);
        if self.user {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _gone = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}

const HOSTS: u8 = 64;

/// Addresses on the loopback interface are this machine's own: any process can use any of them. `cat`
/// waits for the end of the pipe.
const SET_UP: &str = "ip link set lo up && for host in $(seq 1 64); do ip addr add 10.99.0.$host/32 dev lo || exit; done && echo ready && exec cat";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs;

    #[test]
    fn a_namespace_has_its_addresses_and_ends_with_its_owner() {
        let Some(namespace) = needs(Namespace::new()) else { return };
        let output = namespace.command("ip").args(["-oneline", "-4", "address"]).output().unwrap();
        let addresses = String::from_utf8(output.stdout).unwrap();
        assert!(addresses.contains(&format!(" {}/32 ", namespace.address())), "{addresses}");
        let holder = namespace.holder.id();
        drop(namespace);
        assert!(!std::path::Path::new(&format!("/proc/{holder}")).exists());
    }
}
