//! The session under control: carries out commands until it is told to leave.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::{Control, Event};
use model::Rate;
use net::Fence;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::control::Order;
use crate::found::Found;
use crate::given::Given;
use crate::session::{self, SessionError};
use crate::torrent::{Stage, take_part};
use crate::voice::Voice;
use crate::window::{Magnets, Windows};
use crate::{Error, Options};

/// Runs a session until the orders end, one of them is to leave, or there is nothing to join.
pub(crate) async fn run(
    options: Options,
    mut orders: mpsc::Receiver<Order>,
    output: impl Write + Send + 'static,
) -> Result<(), Error> {
    let mut member = Member::start(options, output).await?;
    let why = loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => break "its controller is gone",
                Some(Order::Do(Control::Leave)) => break "asked to leave",
                Some(Order::Do(control)) => member.obey(control),
                Some(Order::Unreadable(why)) => member.stage.voice.note(format!("a command was not understood: {why}")),
            },
            Some(Ok(ended)) = member.torrents.join_next() => if let ControlFlow::Break(error) = ended {
                member.leave("nothing to join").await;
                return Err(error);
            },
        }
    };
    member.leave(why).await;
    Ok(())
}

struct Member {
    stage: Arc<Stage>,
    torrents: JoinSet<ControlFlow<Error>>,
    leave: watch::Sender<bool>,
}

impl Member {
    async fn start(options: Options, output: impl Write + Send + 'static) -> Result<Self, Error> {
        let voice = Voice::new(options.name.clone(), options.epoch_micros, output);
        let fence = if options.public { Fence::public() } else { Fence::lab() };
        let found = Found::new(voice.clone(), fence);
        let given = Given::open(found.clone()).await.map_err(SessionError::Window)?;
        let peer_id = session::peer_id(options.seed);
        let (session, listen) = session::start(&options, peer_id, given.urls().collect()).await?;
        voice.say(Event::Started { peer_id, listen, client: session.client_name_and_version().to_owned() });
        if session::limits(options.up, options.down).1 {
            note_raised_limit(&voice);
        }
        let magnets = Magnets::default();
        let windows = Windows::new(listen.ip(), voice.clone(), found.clone(), magnets.clone());
        let (leave, leaving) = watch::channel(false);
        let joined = Mutex::new(BTreeSet::new());
        let stage = Arc::new(Stage { session, voice, found, given, windows, magnets, joined, leaving });
        Ok(Self { stage, torrents: JoinSet::new(), leave })
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Join { torrent, dir, sequential } => self.join(torrent, dir, sequential),
            Control::SetLimit { up, down } => self.set_limits(up, down),
            Control::AddPeer { addr } => self.stage.given.add(addr),
            Control::SetPersona { .. } => self.stage.voice.unsupported("set-persona"),
            Control::Allow { .. } => self.stage.voice.unsupported("allow"),
            Control::Forbid { .. } => self.stage.voice.unsupported("forbid"),
            Control::Leave => {}
        }
    }

    fn join(&mut self, torrent: String, dir: PathBuf, sequential: bool) {
        if sequential {
            self.stage.voice.unsupported("sequential");
        }
        let stage = self.stage.clone();
        self.torrents.spawn(async move {
            match take_part(stage, &torrent, &dir).await {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => ControlFlow::Break(Error::Join { torrent, why }),
            }
        });
    }

    fn set_limits(&self, up: Option<Rate>, down: Option<Rate>) {
        let (limits, raised) = session::limits(up, down);
        self.stage.session.ratelimits.set_upload_bps(limits.upload_bps);
        self.stage.session.ratelimits.set_download_bps(limits.download_bps);
        if raised {
            note_raised_limit(&self.stage.voice);
        }
        let show = |limit: Option<std::num::NonZeroU32>| {
            limit.map_or("unlimited".to_owned(), |limit| Rate(limit.get().into()).to_string())
        };
        let to = format!("up {}, down {}", show(limits.upload_bps), show(limits.download_bps));
        self.stage.voice.say(Event::Changed { what: "limits".to_owned(), to });
    }

    async fn leave(mut self, why: &str) {
        let _nobody = self.leave.send(true);
        let torrents = async { while self.torrents.join_next().await.is_some() {} };
        let _late = timeout(GOODBYE_MAX, torrents).await;
        self.stage.session.cancellation_token().cancel();
        self.stage.voice.say(Event::Left { why: why.to_owned() });
    }
}

fn note_raised_limit(voice: &Voice) {
    voice.note("a limit below 16 KiB/s would stop librqbit for ever: 16 KiB/s is used");
}

/// A program under control is given a second to end.
const GOODBYE_MAX: Duration = Duration::from_millis(800);
