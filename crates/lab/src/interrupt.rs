//! Ctrl-C, counted: the first asks for an end in good order, the second for one at once. The signal
//! by which systems ask programs to end counts as one.

use std::io;

use tokio::sync::watch;

/// Listens from here on, inside a tokio runtime. Where the system refuses, Ctrl-C ends the program as
/// it does any other.
pub fn count() -> watch::Receiver<u32> {
    let (sender, receiver) = watch::channel(0);
    match Signals::new() {
        Ok(mut signals) => drop(tokio::spawn(async move {
            while signals.next().await {
                sender.send_modify(|count| *count += 1);
            }
        })),
        Err(error) => tracing::warn!("Ctrl-C will end this at once: {error}"),
    }
    receiver
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// False when none will come any more.
    async fn next(&mut self) -> bool {
        tokio::select! {
            signal = self.interrupt.recv() => signal.is_some(),
            signal = self.terminate.recv() => signal.is_some(),
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// False when none will come any more.
    async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
