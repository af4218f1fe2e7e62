//! The world `local`: one process a member, on the loopback of this machine. Says how each program
//! is started; real sockets and disks do the rest.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use events::{Control, Detail};
use model::{InfoHash, Rate, Rng};
use scenario::{Client, Knows, Member, Persona, Picking, Plan, Role};

use crate::address::{Allotment, TRACKER};
use crate::folder::RunFolder;
use crate::process::Launch;
use crate::stage::Start;

/// Who sits where, and with what settings it is started the next time.
#[derive(Debug)]
pub(crate) struct Local {
    program: PathBuf,
    folder: RunFolder,
    seed: u64,
    epoch_micros: u64,
    tracker: SocketAddr,
    tracker_interval: std::time::Duration,
    info_hash: InfoHash,
    torrent: PathBuf,
    magnet: String,
    /// Where a seed finds the content.
    content_dir: PathBuf,
    seats: BTreeMap<String, Settings>,
}

/// One member as it is to be started. The script changes these, and a restart keeps the changes.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) member: Member,
    pub(crate) up: Option<Rate>,
    pub(crate) down: Option<Rate>,
    pub(crate) persona: Persona,
    pub(crate) listen: SocketAddr,
}

/// What peers are given to start from.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) torrent: PathBuf,
    pub(crate) magnet: String,
    pub(crate) content_dir: PathBuf,
}

impl Local {
    pub(crate) fn new(plan: &Plan, program: &Path, folder: &RunFolder, epoch_micros: u64, info_hash: InfoHash) -> Self {
        let allotment = Allotment::for_this_system(plan.cast.len());
        let settings = |(place, member): (usize, &Member)| {
            let (up, down) = plan.limits(member);
            let listen = SocketAddr::new(allotment.address(place), 0);
            (member.name.clone(), Settings { member: member.clone(), up, down, persona: member.persona, listen })
        };
        Self {
            program: program.to_owned(),
            folder: folder.clone(),
            seed: plan.seed,
            epoch_micros,
            tracker: SocketAddr::new(TRACKER, 0),
            tracker_interval: plan.tracker.interval,
            info_hash,
            torrent: PathBuf::new(),
            magnet: String::new(),
            content_dir: PathBuf::new(),
            seats: plan.cast.iter().enumerate().map(settings).collect(),
        }
    }

    /// Addresses that belong to one member alone.
    pub(crate) fn owners(&self) -> BTreeMap<IpAddr, String> {
        let own = self.seats.iter().filter(|(_, settings)| settings.listen.ip() != TRACKER);
        own.map(|(name, settings)| (settings.listen.ip(), name.clone())).collect()
    }

    /// What peers are told to join, from here on.
    pub(crate) fn share(&mut self, shared: Shared) {
        self.torrent = shared.torrent;
        self.magnet = shared.magnet;
        self.content_dir = shared.content_dir;
    }

    /// The program of this name listens there: its next life will do the same.
    pub(crate) fn listens(&mut self, name: &str, addr: SocketAddr) {
        match self.seats.get_mut(name) {
            Some(settings) => settings.listen = addr,
            None => self.tracker = addr,
        }
    }

    pub(crate) fn settings(&mut self, name: &str) -> Option<&mut Settings> {
        self.seats.get_mut(name)
    }

    /// Where this member's content lies.
    pub(crate) fn dir(&self, member: &Member) -> PathBuf {
        match member.role.has_everything() {
            true => self.content_dir.clone(),
            false => self.folder.peer(&member.name),
        }
    }

    /// How to start the tracker.
    pub(crate) fn tracker(&self) -> Start {
        let mut args = self.common("tracker", crate::TRACKER_NAME, self.tracker);
        args.extend(["--interval".into(), format!("{} ms", self.tracker_interval.as_millis()).into()]);
        // Told on the command line, so that no announce can come before it.
        args.extend(["--allow".into(), self.info_hash.to_string().into()]);
        args.extend(["--seed".into(), self.seed.to_string().into()]);
        Start { launch: self.launch(crate::TRACKER_NAME, args), orders: Vec::new(), says_joined: false }
    }

    /// How to start a member and let it take part; `life` counts its starts from 0.
    pub(crate) fn peer(&self, name: &str, life: u32) -> Option<Start> {
        let settings = self.seats.get(name)?;
        let member = &settings.member;
        let verb = match member.client {
            Client::Swarmlab => "peer",
            Client::Rqbit => "rqbit",
        };
        let mut args = self.common(verb, name, settings.listen);
        let seed = Rng::stream(self.seed, &format!("{name} {life}")).next_u64();
        args.extend(["--seed".into(), seed.to_string().into()]);
        args.extend(["--persona".into(), settings.persona.name().into()]);
        let detail = if member.detail == Detail::Block { "block" } else { "piece" };
        args.extend(["--detail".into(), detail.into()]);
        for (flag, rate) in [("--up", settings.up), ("--down", settings.down)] {
            args.extend(rate.iter().flat_map(|rate| [flag.into(), format!("{} B/s", rate.0).into()]));
        }
        args.extend(member.slots.iter().flat_map(|slots| ["--slots".into(), slots.to_string().into()]));
        if member.client == Client::Swarmlab {
            let methods: Vec<&str> = member.encryption_methods.iter().map(|method| method.name()).collect();
            args.extend(["--encryption".into(), member.encryption.name().into()]);
            args.extend(["--encryption-methods".into(), methods.join(",").into()]);
            if member.role == Role::Share {
                args.push("--count-recipients".into());
            }
            args.extend(["--wire-record".into(), self.folder.wire(name, life).into()]);
            args.extend(["--keylog".into(), self.folder.keys(name, life).into()]);
        }
        // A stock client may look its torrent up first, and that may take as long as it likes.
        let says_joined = member.client == Client::Swarmlab;
        Some(Start { launch: self.launch(name, args), orders: vec![self.join(member)], says_joined })
    }

    fn join(&self, member: &Member) -> Control {
        let torrent = match member.knows {
            Knows::Torrent => self.torrent.display().to_string(),
            Knows::Magnet => self.magnet.clone(),
        };
        Control::Join { torrent, dir: self.dir(member), sequential: member.picking == Picking::Sequential }
    }

    fn common(&self, verb: &str, name: &str, listen: SocketAddr) -> Vec<OsString> {
        let args = [verb, "--control", "--name", name, "--listen", &listen.to_string(), "--epoch-micros"];
        args.iter().map(OsString::from).chain([self.epoch_micros.to_string().into()]).collect()
    }

    fn launch(&self, name: &str, args: Vec<OsString>) -> Launch {
        Launch { program: self.program.clone(), args, log: self.folder.log(name) }
    }
}
