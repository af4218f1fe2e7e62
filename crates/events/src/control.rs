//! What an orchestrator tells a program of the lab: one JSON object a line on its standard
//! input, events back on its standard output. A program under control ends when the input does.
//!
//! `{"do":"join","torrent":"/labs/x.torrent","dir":"/labs/alice"}`

use std::net::SocketAddr;
use std::path::PathBuf;

use model::{InfoHash, Rate};
use serde::{Deserialize, Serialize};

/// A command to one program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Control {
    /// Take part in a torrent. `torrent` is the path of a `.torrent` file or a magnet link; content
    /// is read from and written to `dir`.
    Join {
        torrent: String,
        dir: PathBuf,
        /// Fetch pieces in order instead of rarest first.
        #[serde(default)]
        sequential: bool,
    },
    /// Change rate limits, in bytes per second. Absent means unlimited.
    SetLimit {
        #[serde(default)]
        up: Option<Rate>,
        #[serde(default)]
        down: Option<Rate>,
    },
    /// Behave otherwise from here on: `honest`, `free-rider`, `poisoner`, `slow`.
    SetPersona { persona: String },
    /// Dial this peer.
    AddPeer { addr: SocketAddr },
    /// Serve one more torrent (a tracker).
    Allow { info_hash: InfoHash },
    /// Serve a torrent no longer (a tracker).
    Forbid { info_hash: InfoHash },
    /// Say goodbye to tracker and peers, and end.
    Leave,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_documented() {
        let join: Control = serde_json::from_str(r#"{"do":"join","torrent":"x.torrent","dir":"d"}"#).unwrap();
        assert_eq!(join, Control::Join { torrent: "x.torrent".into(), dir: "d".into(), sequential: false });
        assert_eq!(serde_json::to_string(&Control::Leave).unwrap(), r#"{"do":"leave"}"#);
        assert!(serde_json::from_str::<Control>(r#"{"do":"join","torrent":"x","dir":"d","sequental":true}"#).is_err());
    }
}
